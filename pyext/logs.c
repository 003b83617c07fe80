/* logs.c -- log records of a request: level, logger and folded message, by a wrapper of
 * logging.Logger.handle.
 *
 * The message is the record's format string as it stands; nothing is formatted that the application would not
 * format. With arguments it is a literal of the source; without, it may be an f-string full of values, and is
 * folded. The time of the handlers is measured, since writing logs is a wait.
 */
#include "notes.h"

#include <string.h>

#define CACHE 64u

static PyObject *str_levelno, *str_name, *str_msg, *str_args, *str_exc_info; /* owned */

static struct {
    PyObject *text; /* owned; a literal, so it lives as long as its module anyway */
    uint32_t id;
} cache[CACHE];

static uint32_t literal_id(PyObject *text)
{
    size_t at = ((size_t)(uintptr_t)text >> 4) % CACHE;
    if (cache[at].text != text) {
        cache[at].id = hp_cap_text(hp_ext.cap, hp_utf8(text), HP_TEXT_LITERAL);
        Py_XSETREF(cache[at].text, Py_NewRef(text));
    }
    return cache[at].id;
}

static uint32_t message_id(PyObject *record)
{
    PyObject *msg = hp_generic_get(record, str_msg), *args = hp_generic_get(record, str_args);
    uint32_t id = 0;
    if (msg != NULL && PyUnicode_Check(msg)) {
        bool literal =
            args != NULL && args != Py_None && !(PyTuple_Check(args) && PyTuple_GET_SIZE(args) == 0);
        id = literal ? literal_id(msg) : hp_cap_text(hp_ext.cap, hp_utf8(msg), HP_TEXT_FOLDED);
    } else if (msg != NULL) {
        const char *type = Py_TYPE(msg)->tp_name;
        id = hp_cap_text(hp_ext.cap, (struct hp_span8){type, strlen(type)}, HP_TEXT_LITERAL);
    }
    Py_XDECREF(args);
    Py_XDECREF(msg);
    return id;
}

static void note_exception(struct hp_cap_lane *lane, PyObject *record)
{
    PyObject *info = hp_generic_get(record, str_exc_info);
    if (info != NULL && PyTuple_Check(info) && PyTuple_GET_SIZE(info) == 3 &&
        PyExceptionInstance_Check(PyTuple_GET_ITEM(info, 1))) {
        hp_exception_note(lane, PyTuple_GET_ITEM(info, 1), HP_X_EXCEPTION_LOGGED);
    }
    Py_XDECREF(info);
}

static void note(struct hp_cap_lane *lane, PyObject *record, uint64_t t0)
{
    struct hp_pending pending = hp_pending_save();
    PyObject *level = hp_generic_get(record, str_levelno), *name = hp_generic_get(record, str_name);
    long number = level != NULL && PyLong_Check(level) ? PyLong_AsLong(level) : 0;
    uint32_t logger = hp_cap_text(hp_ext.cap, hp_utf8(name), HP_TEXT_RAW);
    hp_swallow();
    hp_cap_log(lane, number > 0 && number < 1000 ? (int)number : 0, logger, message_id(record),
               hp_place_or_view(), t0);
    note_exception(lane, record);
    Py_XDECREF(name);
    Py_XDECREF(level);
    hp_swallow();
    hp_pending_restore(pending);
}

/* Logger.handle(self, record). */
static PyObject *on_handle(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                           size_t nargsf, PyObject *names)
{
    if (hp_cap_lane_level(lane) < HP_X_LEVEL_MONITOR || PyVectorcall_NARGS(nargsf) < 2 ||
        hp_cap_callback_fails(hp_ext.cap)) {
        return hp_wrap_call(wrap, args, nargsf, names);
    }
    PyObject *record = Py_NewRef(args[1]);
    hp_cap_lane_ref(lane);
    uint64_t t0 = hp_cap_ticks();
    PyObject *result = hp_wrap_call(wrap, args, nargsf, names);
    note(lane, record, t0);
    hp_cap_lane_unref(lane);
    Py_DECREF(record);
    return result;
}

static int hook_logging(PyObject *module)
{
    PyObject *cls = PyObject_GetAttrString(module, "Logger");
    int failed = cls == NULL || hp_wrap_method(cls, "handle", on_handle, 0, 0) != 0;
    Py_XDECREF(cls);
    return failed ? -1 : 0;
}

int hp_logs_init(PyObject *module)
{
    (void)module;
    static const struct {
        PyObject **where;
        const char *text;
    } names[] = {{&str_levelno, "levelno"},
                 {&str_name, "name"},
                 {&str_msg, "msg"},
                 {&str_args, "args"},
                 {&str_exc_info, "exc_info"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (*names[i].where == NULL &&
            (*names[i].where = PyUnicode_InternFromString(names[i].text)) == NULL) {
            return -1;
        }
    }
    hp_hook_add("logging", hook_logging);
    return 0;
}
