/* facts.c -- what a request brings along: how long it queued in front of us, and the headers and
 * configuration values asked for by name; and whose names let a value through (inputs.c has the rest of what
 * a request brings).
 *
 * No header and no configuration value is kept unless it is named (note_options); of those that carry secrets
 * by their nature only that they were there. X-Request-Start is what proxies set to the time at which they
 * took the request: seconds, milliseconds or microseconds since 1970, with or without "t=".
 */
#include "notes.h"

#include <string.h>
#include <time.h>

#define LIST_MAX     32
#define QUEUE_MAX_NS (UINT64_C(600) * 1000000000) /* longer is somebody's wrong clock */

struct wanted {
    PyObject *key;   /* owned: as the WSGI environ or app.config has it */
    PyObject *asked; /* owned: as it was asked for */
    uint32_t name;
};
static struct wanted headers[LIST_MAX], config[LIST_MAX], inputs[LIST_MAX];
static int header_count, config_count, input_count;
static PyObject *str_request_start, *str_queue_start, *str_config; /* owned */

/* ---- queue ---- */

/* Digits, a point and more digits as nanoseconds of `unit` each; false: something else, or too large. */
static bool number_ns(const char *p, size_t n, uint64_t *whole, uint64_t *billionths)
{
    size_t i = 0, digits = 0;
    uint64_t scale = 100000000;
    *whole = *billionths = 0;
    for (; i < n && p[i] >= '0' && p[i] <= '9' && digits < 18; i++, digits++) {
        *whole = *whole * 10 + (uint64_t)(p[i] - '0');
    }
    if (i < n && p[i] == '.') {
        for (i++; i < n && p[i] >= '0' && p[i] <= '9'; i++, scale /= 10) {
            *billionths += (uint64_t)(p[i] - '0') * scale;
        }
    }
    return digits > 0 && i == n;
}

bool hp_facts_queue(struct hp_span8 text, uint64_t now_ns, uint64_t *queue_ns)
{
    uint64_t whole, billionths;
    size_t skip = text.n > 2 && memcmp(text.p, "t=", 2) == 0 ? 2 : 0;
    if (!number_ns(text.p + skip, text.n - skip, &whole, &billionths)) {
        return false;
    }
    /* Which unit: by what is near to now. */
    uint64_t unit = 1000000000u;
    for (; unit >= 1000; unit /= 1000) {
        if (whole <= UINT64_MAX / 2 / unit && whole * unit + QUEUE_MAX_NS > now_ns &&
            whole * unit < now_ns + QUEUE_MAX_NS) {
            break;
        }
    }
    if (unit < 1000) {
        return false;
    }
    uint64_t then_ns = whole * unit + billionths / (1000000000u / unit);
    *queue_ns = now_ns > then_ns ? now_ns - then_ns : 0;
    return *queue_ns <= QUEUE_MAX_NS && then_ns < now_ns + 1000000000u;
}

static __attribute__((noinline)) void note_queue(struct hp_cap_request *request, PyObject *text)
{
    struct timespec now;
    uint64_t queue_ns;
    if (clock_gettime(CLOCK_REALTIME, &now) == 0 &&
        hp_facts_queue(hp_utf8(text), (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
                       &queue_ns)) {
        hp_cap_request_queue(request, queue_ns);
    }
}

/* ---- headers and configuration ---- */

/* What may be shown of a value: looked up each time, as words are added while the application runs. */
static struct hp_span8 shown_of(const struct wanted *wanted, PyObject *text)
{
    return hp_cap_secret(hp_ext.cap, hp_utf8(wanted->asked)) ? HP_FACTS_SECRET : hp_utf8(text);
}

static void note_headers(struct hp_cap_request *request, PyObject *env)
{
    for (int i = 0; i < header_count; i++) {
        PyObject *value = hp_dict_find(env, headers[i].key); /* borrowed */
        if (value != NULL && PyUnicode_Check(value)) {
            hp_cap_request_fact(request, HP_X_FACT_HEADER, headers[i].name,
                                hp_cap_text(hp_ext.cap, shown_of(&headers[i], value), HP_TEXT_GIVEN));
        }
    }
}

PyObject *hp_facts_text(PyObject *value)
{
    if (PyUnicode_Check(value)) {
        return Py_NewRef(value);
    }
    if (value == Py_None || PyBool_Check(value) || PyLong_CheckExact(value) || PyFloat_CheckExact(value)) {
        return PyObject_Repr(value);
    }
    return PyUnicode_FromFormat("<%s>", Py_TYPE(value)->tp_name);
}

static void note_config(struct hp_cap_request *request, PyObject *app)
{
    PyObject *values = config_count != 0 ? hp_attribute(app, str_config) : NULL;
    for (int i = 0; values != NULL && PyDict_Check(values) && i < config_count; i++) {
        PyObject *value = PyDict_GetItemWithError(values, config[i].key); /* borrowed */
        PyObject *text = value == NULL ? NULL : hp_facts_text(value);
        if (text != NULL) {
            hp_cap_request_fact(request, HP_X_FACT_CONFIG, config[i].name,
                                hp_cap_text(hp_ext.cap, shown_of(&config[i], text), HP_TEXT_RAW));
            Py_DECREF(text);
        }
    }
    Py_XDECREF(values);
}

static __attribute__((noinline)) void note_wanted(struct hp_cap_request *request, PyObject *wsgi_environ,
                                                  PyObject *app)
{
    struct hp_pending pending = hp_pending_save();
    note_headers(request, wsgi_environ);
    note_config(request, app);
    hp_swallow();
    hp_pending_restore(pending);
}

void hp_facts_note(struct hp_cap_request *request, PyObject *wsgi_environ, PyObject *app)
{
    PyObject *started = hp_dict_find(wsgi_environ, str_request_start); /* borrowed */
    started = started != NULL ? started : hp_dict_find(wsgi_environ, str_queue_start);
    if (started != NULL) {
        note_queue(request, started);
    }
    if (header_count != 0 || config_count != 0) {
        note_wanted(request, wsgi_environ, app);
    }
}

/* ---- options ---- */

bool hp_facts_allowed(struct hp_span8 name)
{
    for (int i = 0; i < input_count; i++) {
        struct hp_span8 allowed = hp_utf8(inputs[i].key);
        if (allowed.n == name.n && memcmp(allowed.p, name.p, name.n) == 0) {
            return true;
        }
    }
    return false;
}

/* "User-Agent" as the environ has it: HTTP_USER_AGENT; CONTENT_TYPE and CONTENT_LENGTH have no HTTP_. */
static PyObject *environ_key(struct hp_span8 name)
{
    char key[128] = "HTTP_";
    size_t n = name.n < sizeof key - 6 ? name.n : sizeof key - 6;
    for (size_t i = 0; i < n; i++) {
        char c = name.p[i];
        key[5 + i] = (char)(c == '-' ? '_' : c >= 'a' && c <= 'z' ? c - 32 : c);
    }
    key[5 + n] = '\0';
    bool bare = strcmp(key + 5, "CONTENT_TYPE") == 0 || strcmp(key + 5, "CONTENT_LENGTH") == 0;
    return PyUnicode_InternFromString(bare ? key + 5 : key);
}

static int take_list(PyObject *names, struct wanted *list, int *count, bool is_header)
{
    for (int i = 0; i < *count; i++) {
        Py_CLEAR(list[i].key);
        Py_CLEAR(list[i].asked);
    }
    *count = 0;
    for (Py_ssize_t i = 0; names != NULL && i < PyList_GET_SIZE(names) && *count < LIST_MAX; i++) {
        PyObject *item = PyList_GET_ITEM(names, i);
        struct hp_span8 name = hp_utf8(item);
        PyObject *key = is_header ? environ_key(name) : Py_NewRef(item);
        if (key == NULL) {
            return -1;
        }
        list[(*count)++] = (struct wanted){key, Py_NewRef(item), hp_cap_text(hp_ext.cap, name, HP_TEXT_RAW)};
    }
    return 0;
}

PyDoc_STRVAR(
    note_options_doc,
    "note_options(headers, config, inputs) -> None\n\n"
    "Lists of the request headers and app.config keys to keep with each request, and of the arguments and\n"
    "keys of query, form and JSON body whose values are kept; at most 32 each.\n"
    "Of names that say secret, cookie, key … only the presence is kept.");

static PyObject *note_options(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *header_names, *config_names, *input_names;
    if (!PyArg_ParseTuple(args, "O!O!O!", &PyList_Type, &header_names, &PyList_Type, &config_names,
                          &PyList_Type, &input_names)) {
        return NULL;
    }
    if (hp_ext.cap != NULL && (take_list(header_names, headers, &header_count, true) != 0 ||
                               take_list(config_names, config, &config_count, false) != 0 ||
                               take_list(input_names, inputs, &input_count, false) != 0)) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"note_options", note_options, METH_VARARGS, note_options_doc},
    {NULL, NULL, 0, NULL},
};

int hp_facts_init(PyObject *module)
{
    if (str_request_start == NULL &&
        ((str_request_start = PyUnicode_InternFromString("HTTP_X_REQUEST_START")) == NULL ||
         (str_queue_start = PyUnicode_InternFromString("HTTP_X_QUEUE_START")) == NULL ||
         (str_config = PyUnicode_InternFromString("config")) == NULL)) {
        return -1;
    }
    return hp_inputs_init() != 0 ? -1 : PyModule_AddFunctions(module, functions);
}
