/* start_response.c -- the application's start_response: the status is noted, X-Hotplate-Id and, where
 * allowed, Server-Timing go out with a copy of its headers.
 *
 * The application's list stays as it is; whatever fails of ours, its headers go out untouched.
 */
#include "call.h"

#include <endian.h>
#include <string.h>
#include <strings.h>

static PyObject *str_id, *str_timing; /* owned */

static int status_of(PyObject *line)
{
    struct hp_span8 text = hp_utf8(line);
    if (text.n < 3 || text.p[0] < '1' || text.p[0] > '9' || text.p[1] < '0' || text.p[1] > '9' ||
        text.p[2] < '0' || text.p[2] > '9') {
        return 0;
    }
    return (text.p[0] - '0') * 100 + (text.p[1] - '0') * 10 + (text.p[2] - '0');
}

/* The eight hex digits of a word: all at once, each nibble in a byte of its own, the first one in the
 * lowest. */
static char *put_hex(char *at, uint64_t word)
{
    uint64_t x = word >> 16 | (word & 0xffff) << 32;
    x = (x >> 8 & UINT64_C(0x000000ff000000ff)) | (x & UINT64_C(0x000000ff000000ff)) << 16;
    x = (x >> 4 & UINT64_C(0x000f000f000f000f)) | (x & UINT64_C(0x000f000f000f000f)) << 8;
    uint64_t letters = (x + UINT64_C(0x0606060606060606)) >> 4 & UINT64_C(0x0101010101010101);
    x = htole64(x + UINT64_C(0x3030303030303030) + letters * ('a' - '0' - 10));
    memcpy(at, &x, sizeof x);
    return at + sizeof x;
}

/* Sixteen hex digits, by hand: printf would take a good part of what a bare request costs. */
static void show_id(uint64_t id, char text[16])
{
    (void)put_hex(put_hex(text, id >> 32), id & UINT32_MAX);
}

static char *put_text(char *at, const char *text)
{
    size_t n = strlen(text);
    memcpy(at, text, n + 1);
    return at + n;
}

static char *put_number(char *at, uint64_t number, int least_digits)
{
    char digits[20];
    int n = 0;
    for (; number != 0 || n < least_digits; number /= 10) {
        digits[n++] = (char)('0' + number % 10);
    }
    while (n > 0) {
        *at++ = digits[--n];
    }
    return at;
}

/* Milliseconds to the microsecond, as "name;dur=12.345". */
static char *put_duration(char *at, const char *name, uint64_t ns)
{
    at = put_number(put_text(at, name), ns / 1000000, 1);
    *at++ = '.';
    return put_number(at, ns / 1000 % 1000, 3);
}

/* `total;dur, app;dur, db;dur;desc="41 queries", request;desc="ID"` as it stands when the headers go out. The
 * id is there for pages, whose scripts cannot read the headers of an image or of themselves. Not by printf:
 * it would cost more than all the rest of a bare request, and the process's locale must not turn the point
 * into a comma. New reference or NULL. */
static __attribute__((noinline)) PyObject *timing_text(const struct hp_cap_request *request)
{
    uint64_t wall_ns = 0, sql_ns = 0;
    uint32_t queries = 0;
    char text[240]; /* at most 198: five numbers of 20 digits, the id and our words */
    hp_cap_request_so_far(request, &wall_ns, &sql_ns, &queries);
    char *at = put_duration(text, "total;dur=", wall_ns);
    uint64_t queue_ns = hp_cap_request_queued(request);
    if (queue_ns != UINT64_MAX) {
        at = put_duration(at, ", queue;dur=", queue_ns);
    }
    at = put_duration(at, ", app;dur=", wall_ns > sql_ns ? wall_ns - sql_ns : 0);
    at = put_duration(at, ", db;dur=", sql_ns);
    at = put_number(put_text(at, ";desc=\""), queries, 1);
    at = put_text(at, queries == 1 ? " query\"" : " queries\"");
    at = put_text(at, ", request;desc=\"");
    show_id(hp_cap_request_id(request), at);
    at[16] = '"';
    return PyUnicode_FromStringAndSize(text, at + 17 - text);
}

/* (name, value); takes the reference to the value, which may be NULL. New reference or NULL. */
static PyObject *header(PyObject *name, PyObject *value)
{
    PyObject *pair = value == NULL ? NULL : PyTuple_New(2);
    if (pair == NULL) {
        Py_XDECREF(value);
        return NULL;
    }
    PyTuple_SET_ITEM(pair, 0, Py_NewRef(name));
    PyTuple_SET_ITEM(pair, 1, value);
    return pair;
}

/* The header with the id. The pair of an earlier request is filled anew once nobody has it any more. New
 * reference or NULL. */
static PyObject *id_header(const struct hp_cap_request *request)
{
    static PyObject *kept; /* owned */
    PyObject *text = kept != NULL && Py_REFCNT(kept) == 1 ? PyTuple_GET_ITEM(kept, 1) : NULL;
    if (text == NULL || Py_REFCNT(text) != 1 || PyUnicode_CHECK_INTERNED(text)) {
        text = PyUnicode_New(16, 127);
        Py_XSETREF(kept, header(str_id, text));
    }
    if (kept != NULL) {
        show_id(hp_cap_request_id(request), (char *)PyUnicode_1BYTE_DATA(text));
        ((PyASCIIObject *)text)->hash = -1;
    }
    return Py_XNewRef(kept);
}

/* Notes it of a body that was compressed. */
static void note_encoding(struct hp_cap_request *request, PyObject *headers)
{
    static const char wanted[] = "content-encoding";
    for (Py_ssize_t i = 0; PyList_CheckExact(headers) && i < PyList_GET_SIZE(headers); i++) {
        PyObject *pair = PyList_GET_ITEM(headers, i);
        PyObject *name =
            PyTuple_CheckExact(pair) && PyTuple_GET_SIZE(pair) == 2 ? PyTuple_GET_ITEM(pair, 0) : NULL;
        if (name != NULL && PyUnicode_Check(name) &&
            PyUnicode_GET_LENGTH(name) == (Py_ssize_t)sizeof wanted - 1) {
            struct hp_span8 text = hp_utf8(name);
            if (text.n == sizeof wanted - 1 && strncasecmp(text.p, wanted, text.n) == 0) {
                hp_cap_request_flag(request, HP_X_REQ_ENCODED);
                return;
            }
        }
    }
}

#define LIST_ROOM 24

static PyObject *kept_list; /* owned, empty, with room for some headers: for the next request; NULL: none */

/* A list of so many items, to be set. New reference or NULL. */
static PyObject *take_list(Py_ssize_t n)
{
    PyObject *list = kept_list;
    if (n > LIST_ROOM) {
        return PyList_New(n);
    }
    kept_list = NULL;
    list = list != NULL ? list : PyList_New(LIST_ROOM);
    if (list != NULL) {
        Py_SET_SIZE(list, n);
    }
    return list;
}

/* Takes the reference. The list is kept if nobody else has it. */
static void give_list(PyObject *list)
{
    if (kept_list != NULL || Py_REFCNT(list) != 1 || ((PyListObject *)list)->allocated < LIST_ROOM) {
        Py_DECREF(list);
        return;
    }
    Py_ssize_t n = PyList_GET_SIZE(list);
    Py_SET_SIZE(list, 0);
    for (Py_ssize_t i = 0; i < n; i++) {
        Py_DECREF(PyList_GET_ITEM(list, i));
    }
    if (kept_list == NULL) {
        kept_list = list;
    } else { /* an item's end brought another request */
        Py_DECREF(list);
    }
}

/* A copy of the headers with ours; NULL (no exception) when the application's go out untouched. */
static PyObject *headers_with_ours(Call *call, PyObject *headers)
{
    if (!PyList_CheckExact(headers)) {
        return NULL;
    }
    const struct hp_cap_request *request = call->request;
    PyObject *id = hp_raises_on_purpose() ? NULL : id_header(request);
    PyObject *timing = id != NULL && call->timing ? header(str_timing, timing_text(request)) : NULL;
    Py_ssize_t n = PyList_GET_SIZE(headers);
    PyObject *copy =
        id == NULL || (call->timing && timing == NULL) ? NULL : take_list(n + 1 + (timing != NULL));
    if (copy == NULL) {
        Py_XDECREF(id);
        Py_XDECREF(timing);
        hp_swallow();
        return NULL;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyList_SET_ITEM(copy, i, Py_NewRef(PyList_GET_ITEM(headers, i)));
    }
    PyList_SET_ITEM(copy, n, id);
    if (timing != NULL) {
        PyList_SET_ITEM(copy, n + 1, timing);
    }
    return copy;
}

PyObject *hp_start_response_call(PyObject *object, PyObject *const *args, size_t nargsf, PyObject *names)
{
    Call *call = (Call *)object;
    Py_ssize_t n = PyVectorcall_NARGS(nargsf);
    PyObject *headers = NULL;
    if (call->request != NULL && n >= 1) {
        hp_cap_request_status(call->request, status_of(args[0]));
    }
    if (call->request != NULL && n >= 2) {
        note_encoding(call->request, args[1]);
    }
    if (call->request != NULL && call->done == NULL && names == NULL && n >= 2 && n <= 3) {
        headers = headers_with_ours(call, args[1]);
    }
    if (headers == NULL) {
        return PyObject_Vectorcall(call->start_response, args, (size_t)n, names);
    }
    PyObject *ours[3] = {args[0], headers, n == 3 ? args[2] : NULL};
    PyObject *write = PyObject_Vectorcall(call->start_response, ours, (size_t)n, NULL);
    give_list(headers);
    return write;
}

int hp_start_response_init(void)
{
    static const struct {
        PyObject **where;
        const char *text;
    } names[] = {{&str_id, "X-Hotplate-Id"}, {&str_timing, "Server-Timing"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (*names[i].where == NULL &&
            (*names[i].where = PyUnicode_InternFromString(names[i].text)) == NULL) {
            return -1;
        }
    }
    return 0;
}
