/* gc.c -- pauses of the garbage collector, by one callable in gc.callbacks.
 *
 * A collection runs on the thread whose allocation set it off, with the GIL, so the pause is that lane's CPU
 * time; whoever waits meanwhile waits for the GIL. We stand first in the list: what others' callbacks do at
 * the start is in the pause, what they do at the end is not.
 */
#include "notes.h"

static PyObject *watcher;                                            /* owned */
static PyObject *callbacks;                                          /* owned: the list gc.callbacks */
static PyObject *str_generation, *str_collected, *str_uncollectable; /* owned */

static uint64_t number_of(PyObject *info, PyObject *key)
{
    PyObject *value = PyDict_Check(info) ? PyDict_GetItemWithError(info, key) : NULL; /* borrowed */
    long long number = value != NULL ? PyLong_AsLongLong(value) : 0;
    if (PyErr_Occurred()) {
        PyErr_Clear();
    }
    return number > 0 ? (uint64_t)number : 0;
}

/* Of the frame that runs: what allocated too much, or asked for a collection. */
static uint32_t line_now(void)
{
    hp_frame *frame = hp_frame_current(PyThreadState_Get());
    return frame != NULL ? hp_code_line(hp_frame_code(frame), hp_frame_lasti(frame)) : 0;
}

static PyObject *on_collection(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    struct hp_cap_lane *lane =
        hp_ext.cap != NULL && n == 2 && PyUnicode_Check(args[0]) ? hp_lane_here() : NULL;
    if (lane == NULL || hp_cap_callback_fails(hp_ext.cap)) {
        Py_RETURN_NONE;
    }
    if (PyUnicode_CompareWithASCIIString(args[0], "start") == 0) {
        hp_cap_gc_begin(lane);
    } else {
        hp_cap_gc_end(lane, (int)number_of(args[1], str_generation), number_of(args[1], str_collected),
                      number_of(args[1], str_uncollectable), line_now);
    }
    Py_RETURN_NONE;
}

static PyMethodDef watcher_def = {"hotplate_gc", (PyCFunction)(void (*)(void))on_collection, METH_FASTCALL,
                                  NULL};

static bool watch(void)
{
    if (watcher == NULL) {
        watcher = PyCFunction_New(&watcher_def, NULL);
    }
    if (callbacks == NULL) {
        PyObject *gc = PyImport_ImportModule("gc");
        callbacks = gc == NULL ? NULL : PyObject_GetAttrString(gc, "callbacks");
        Py_XDECREF(gc);
    }
    return watcher != NULL && callbacks != NULL && PyList_Check(callbacks) &&
           (PySequence_Contains(callbacks, watcher) != 0 || PyList_Insert(callbacks, 0, watcher) == 0);
}

void hp_gc_watch(void)
{
    if (callbacks != NULL && PyList_Check(callbacks) && PyList_GET_SIZE(callbacks) > 0 &&
        PyList_GET_ITEM(callbacks, 0) == watcher) {
        return;
    }
    struct hp_pending pending = hp_pending_save();
    if (!watch()) {
        hp_swallow();
    }
    hp_pending_restore(pending);
}

int hp_gc_init(PyObject *module)
{
    (void)module;
    if (str_generation == NULL &&
        ((str_generation = PyUnicode_InternFromString("generation")) == NULL ||
         (str_collected = PyUnicode_InternFromString("collected")) == NULL ||
         (str_uncollectable = PyUnicode_InternFromString("uncollectable")) == NULL)) {
        return -1;
    }
    return 0;
}
