/* exceptions.c -- exceptions of a request: type, folded text and frames, grouped by type and raising place.
 *
 * The text is the first str among the exception's args: str(exception) would run the application's code, and
 * a traceback's locals hold everything. What may be a value in it is folded away (model/fold.h). Frames come
 * from the traceback, outermost first.
 */
#include "notes.h"

#include <string.h>

#define FRAMES_READ 4096u /* of a traceback; the innermost are kept */

static PyObject *str_module, *str_qualname; /* owned */

static uint64_t fold_text(uint64_t hash, struct hp_span8 text)
{
    for (size_t i = 0; i < text.n; i++) {
        hash = (hash ^ (unsigned char)text.p[i]) * 0x100000001b3ULL; /* FNV-1a: the same in every process */
    }
    return (hash ^ 0xff) * 0x100000001b3ULL;
}

/* Code that raised: the innermost application frame of the traceback, else the innermost of all. Borrowed
 * from the traceback. */
static PyCodeObject *raising_code(PyObject *traceback)
{
    PyCodeObject *found = NULL;
    bool found_app = false;
    for (PyTracebackObject *at = (PyTracebackObject *)traceback; at != NULL; at = at->tb_next) {
        PyCodeObject *code = PyFrame_GetCode(at->tb_frame);
        bool is_app = (hp_code_flags(code) & HP_X_APP) != 0;
        if (is_app || !found_app) {
            found = code;
            found_app = is_app;
        }
        Py_DECREF(code); /* the frame holds it */
    }
    return found;
}

static PyObject *type_name(PyObject *exception)
{
    PyObject *type = (PyObject *)Py_TYPE(exception);
    PyObject *module = hp_attribute(type, str_module), *name = hp_attribute(type, str_qualname);
    PyObject *text = NULL;
    if (name != NULL) {
        bool plain = module == NULL || !PyUnicode_Check(module) ||
                     PyUnicode_CompareWithASCIIString(module, "builtins") == 0;
        text = plain ? Py_NewRef(name) : PyUnicode_FromFormat("%U.%U", module, name);
    }
    Py_XDECREF(module);
    Py_XDECREF(name);
    return text;
}

static uint64_t group_of(PyObject *name, PyObject *traceback)
{
    PyCodeObject *code = raising_code(traceback);
    uint64_t group = fold_text(0xcbf29ce484222325ULL, hp_utf8(name));
    if (code != NULL) {
        PyObject *shown =
            hp_ext.places == NULL ? NULL : PyDict_GetItemWithError(hp_ext.places, code->co_filename);
        group = fold_text(group, hp_utf8(shown != NULL && PyTuple_Check(shown) ? PyTuple_GET_ITEM(shown, 0)
                                                                               : code->co_filename));
        group = fold_text(group, hp_utf8(code->co_qualname));
    }
    return group != 0 ? group : 1;
}

/* The id of the folded text; 0: the exception says nothing that we may read. */
static uint32_t text_of(PyObject *exception)
{
    PyObject *args = ((PyBaseExceptionObject *)exception)->args; /* borrowed */
    for (Py_ssize_t i = 0; args != NULL && PyTuple_Check(args) && i < PyTuple_GET_SIZE(args); i++) {
        PyObject *arg = PyTuple_GET_ITEM(args, i);
        if (PyUnicode_Check(arg) && PyErr_GivenExceptionMatches(exception, PyExc_KeyError)) {
            return hp_cap_text(hp_ext.cap, (struct hp_span8){"<str>", 5},
                               HP_TEXT_LITERAL); /* a key is a value */
        }
        if (PyUnicode_Check(arg)) {
            return hp_cap_text(hp_ext.cap, hp_utf8(arg), HP_TEXT_FOLDED);
        }
    }
    return 0;
}

/* The innermost frames of a traceback, outermost first. */
static uint32_t frames_of(PyObject *traceback, struct hp_cap_frame *frames, uint32_t room)
{
    uint32_t n = 0, skip;
    PyTracebackObject *at = (PyTracebackObject *)traceback;
    for (PyTracebackObject *t = at; t != NULL && n < FRAMES_READ; t = t->tb_next) {
        n++;
    }
    for (skip = n > room ? n - room : 0; skip > 0; skip--, n--) {
        at = at->tb_next;
    }
    for (uint32_t i = 0; i < n; i++, at = at->tb_next) {
        PyCodeObject *code = PyFrame_GetCode(at->tb_frame);
        int line = at->tb_lineno >= 0 ? at->tb_lineno : PyCode_Addr2Line(code, at->tb_lasti);
        frames[i].sym = hp_code_symbol(code);
        frames[i].line = hp_code_shown_line(code, at->tb_frame, line > 0 ? (uint32_t)line : 0);
        Py_DECREF(code);
    }
    return n;
}

void hp_exception_note(struct hp_cap_lane *lane, PyObject *exception, int end)
{
    if (hp_cap_lane_level(lane) < HP_X_LEVEL_MONITOR || hp_cap_callback_fails(hp_ext.cap)) {
        return;
    }
    struct hp_pending pending = hp_pending_save();
    struct hp_cap_frame frames[32];
    PyObject *name = type_name(exception);
    PyObject *traceback = PyException_GetTraceback(exception);
    struct hp_cap_exception seen = {
        .identity = exception,
        .group = group_of(name, traceback),
        .type = hp_cap_string(hp_ext.cap, hp_utf8(name)),
        .text = text_of(exception),
        .end = end,
        .frames = frames,
        .frame_count = frames_of(traceback, frames, sizeof frames / sizeof frames[0]),
    };
    hp_cap_exception(lane, &seen);
    Py_XDECREF(traceback);
    Py_XDECREF(name);
    hp_swallow();
    hp_pending_restore(pending);
}

void hp_note_exception(struct hp_cap_request *request, PyObject *exception)
{
    struct hp_pending pending = hp_pending_save();
    PyObject *name = type_name(exception);
    PyObject *traceback = PyException_GetTraceback(exception);
    hp_cap_request_exception(request, hp_cap_string(hp_ext.cap, hp_utf8(name)), group_of(name, traceback));
    hp_cap_request_flag(request, HP_X_REQ_EXCEPTION);
    hp_exception_note(hp_cap_request_lane(request), exception, HP_X_EXCEPTION_UNHANDLED);
    Py_XDECREF(traceback);
    Py_XDECREF(name);
    hp_swallow();
    hp_pending_restore(pending);
}

int hp_exceptions_init(PyObject *module)
{
    (void)module;
    if (str_module == NULL && ((str_module = PyUnicode_InternFromString("__module__")) == NULL ||
                               (str_qualname = PyUnicode_InternFromString("__qualname__")) == NULL)) {
        return -1;
    }
    return 0;
}
