/* An iterator that ends at once with a value: what `await` of something that is there already runs on.
 *
 * In Python it would be a generator with nothing but a return. Here it is made from a spare one, ends without an
 * exception where the interpreter asks by am_send (3.11), and with a bare StopIteration where it asks by tp_iternext.
 */
#ifndef WEFT_RETURNED_H
#define WEFT_RETURNED_H
#include <Python.h>

typedef struct {
    PyObject_HEAD
    PyObject *value; /* NULL once it was handed over */
} weft_returned_object;

static weft_returned_object *weft_returned_spare = NULL;

static void weft_returned_dealloc(PyObject *self) {
    Py_CLEAR(((weft_returned_object *)self)->value);
#ifndef Py_GIL_DISABLED
    if (weft_returned_spare == NULL) {
        weft_returned_spare = (weft_returned_object *)self;
        return;
    }
#endif
    PyObject_Free(self);
}

static PyObject *weft_returned_take(PyObject *self) {
    PyObject *value = ((weft_returned_object *)self)->value;
    ((weft_returned_object *)self)->value = NULL;
    return value != NULL ? value : Py_NewRef(Py_None);
}

static PySendResult weft_returned_send(PyObject *self, PyObject *argument, PyObject **result) {
    (void)argument;
    *result = weft_returned_take(self);
    return PYGEN_RETURN;
}

static PyObject *weft_returned_next(PyObject *self) {
    PyObject *value = weft_returned_take(self);
    if (value == Py_None) {
        Py_DECREF(value);
        return NULL; /* the end, with None */
    }
    if (PyTuple_Check(value) || PyExceptionInstance_Check(value)) {
        /* Given as they are, these would be taken for the exception's arguments, or for the exception. */
        PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, value);
        Py_SETREF(value, stop);
        if (value == NULL) return NULL;
    }
    PyErr_SetObject(PyExc_StopIteration, value);
    Py_DECREF(value);
    return NULL;
}

static PyAsyncMethods weft_returned_async = {.am_send = weft_returned_send};

static PyTypeObject weft_returned_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "weft.deferred.Returned",
    .tp_basicsize = sizeof(weft_returned_object),
    .tp_dealloc = weft_returned_dealloc,
    .tp_as_async = &weft_returned_async,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = weft_returned_next,
};

static inline PyObject *weft_returned(PyObject *value) {
    weft_returned_object *self = weft_returned_spare;
    if (self != NULL) {
        weft_returned_spare = NULL;
        PyObject_Init((PyObject *)self, &weft_returned_type);
    } else {
        if (weft_returned_type.tp_dict == NULL && PyType_Ready(&weft_returned_type) < 0) return NULL;
        self = PyObject_New(weft_returned_object, &weft_returned_type);
        if (self == NULL) return NULL;
    }
    self->value = Py_NewRef(value);
    return (PyObject *)self;
}
#endif
