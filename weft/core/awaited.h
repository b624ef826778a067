/* How an object that stands for a coroutine is stepped: without an exception for its result where the interpreter asks
 * by am_send (3.11), and with a bare StopIteration, which has no traceback, where it asks by tp_iternext.
 */
#ifndef WEFT_AWAITED_H
#define WEFT_AWAITED_H
#include <Python.h>

/* Returns what is waited for, or the result: then `is_over` is set. */
typedef PyObject *(*weft_step)(PyObject *self, int *is_over);

static weft_step weft_awaited_step = NULL;

static PyObject *weft_awaited_next(PyObject *self) {
    int is_over = 0;
    PyObject *value = weft_awaited_step(self, &is_over);
    if (!is_over || value == NULL) return value;
    if (value != Py_None) PyErr_SetObject(PyExc_StopIteration, value); /* bytes: nothing that it would take apart */
    Py_DECREF(value);
    return NULL; /* without an exception: the end, with None */
}

/* A coroutine that it went over to has ended, or raised. */
static PySendResult weft_awaited_end(PyObject **result) {
    PyObject *kind, *stop, *trace;
    if (PyErr_Occurred() == NULL) {
        *result = Py_NewRef(Py_None);
        return PYGEN_RETURN;
    }
    if (!PyErr_ExceptionMatches(PyExc_StopIteration)) return PYGEN_ERROR;
    PyErr_Fetch(&kind, &stop, &trace);
    PyErr_NormalizeException(&kind, &stop, &trace);
    *result = PyObject_GetAttrString(stop, "value");
    Py_XDECREF(kind);
    Py_XDECREF(stop);
    Py_XDECREF(trace);
    return *result == NULL ? PYGEN_ERROR : PYGEN_RETURN;
}

static PySendResult weft_awaited_send(PyObject *self, PyObject *argument, PyObject **result) {
    int is_over = 0;
    (void)argument;
    *result = weft_awaited_step(self, &is_over);
    if (*result == NULL) return weft_awaited_end(result);
    return is_over ? PYGEN_RETURN : PYGEN_NEXT;
}

/* Has a type stepped by `step`. It must have an `__await__` of its own. */
static inline int weft_step_by(PyTypeObject *type, weft_step step) {
    weft_awaited_step = step;
    type->tp_iternext = weft_awaited_next;
    type->tp_as_async->am_send = weft_awaited_send;
    PyType_Modified(type);
    return 0;
}

/* Whether nobody but its caller has a reference to it. */
static inline int weft_is_only(PyObject *object) {
#ifdef Py_GIL_DISABLED
    (void)object;
    return 0;
#else
    return Py_REFCNT(object) == 1;
#endif
}
#endif
