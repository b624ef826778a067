cdef extern from "returned.h":
    object returned "weft_returned"(object value)
