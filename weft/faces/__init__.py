"""The faces: how programs written for another engine's interface run on Weft."""
