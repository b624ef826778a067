"""The version, in a module that can be read without importing the engine."""

__version__ = "0.1.0"
