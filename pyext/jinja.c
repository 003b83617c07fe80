/* jinja.c -- which template renders, below which, from which line: by what Jinja compiles templates to.
 *
 * A compiled template is a generator function `root` and one for each block; including, extending and calling
 * blocks is calling them. Template._from_namespace makes every template there is (from files, strings,
 * compiled modules), so there we put a Part in place of each of these functions. Calling a Part gives a Run
 * around the generator, which books the time of each value that it is asked for. Macros are called through
 * Macro._invoke, which is wrapped.
 *
 * A Part equals the function that it stands for and hashes like it: Context.super looks for the function in a
 * list of them. Async environments compile to async generators; those are left as they are.
 */
#include "notes.h"

#include <string.h>

#define FRAMES_UP 8 /* from a run to the template code that asked for it: Macro.__call__, concat … */

typedef struct {
    PyObject_HEAD PyObject *original; /* owned: a generator function */
    vectorcallfunc vectorcall;
    uint32_t sym, name;
    int kind;
} Part;

typedef struct {
    PyObject_HEAD PyObject *generator; /* owned */
    uint64_t request;                  /* that `row` belongs to; 0: not begun */
    uint32_t row, sym, name;
    int kind;
} Run;

static PyObject *part_type, *run_type;                        /* owned */
static PyObject *str_name, *str_root, *str_blocks, *str_func; /* owned */

/* ---- rows ---- */

/* The template code that runs nearest to here; NULL: none near. */
static hp_frame *template_frame(void)
{
    hp_frame *frame = hp_frame_current(PyThreadState_Get());
    for (int i = 0; frame != NULL && i < FRAMES_UP; i++, frame = hp_frame_caller(frame)) {
        if (hp_code_is_template(hp_frame_code(frame))) {
            return frame;
        }
    }
    return NULL;
}

/* Begin a run; 0: not kept. */
static uint32_t begin(struct hp_cap_lane *lane, int kind, uint32_t sym, uint32_t name)
{
    hp_frame *frame = template_frame();
    struct hp_cap_place place = {0, 0, 0};
    uint32_t site = frame != NULL ? (uint32_t)hp_frame_lasti(frame) + 1 : 0;
    bool fresh;
    if (frame == NULL) {
        place = hp_place_now();
        site = place.site_line | 0x80000000u;
    }
    uint32_t row = hp_cap_template(lane, kind, sym, site, &fresh);
    if (fresh) {
        if (frame != NULL) {
            place.site_sym = hp_code_symbol(hp_frame_code(frame));
            place.site_line = hp_frame_line(frame);
        }
        hp_cap_template_tell(lane, row, name, place);
    }
    return row;
}

/* ---- a run ---- */

static PyObject *run_next(Run *self)
{
    PyObject *generator = self->generator;
    iternextfunc next = Py_TYPE(generator)->tp_iternext;
    struct hp_cap_lane *lane = hp_lane_here();
    struct hp_cap_request *request = lane == NULL ? NULL : hp_cap_lane_request(lane);
    if (request == NULL || hp_cap_request_level(request) < HP_X_LEVEL_MONITOR) {
        return next(generator);
    }
    if (self->request != hp_cap_request_id(request)) {
        if (hp_cap_callback_fails(hp_ext.cap)) {
            return next(generator);
        }
        self->row = begin(lane, self->kind, self->sym, self->name);
        self->request = hp_cap_request_id(request);
    }
    hp_cap_lane_ref(lane);
    uint32_t before = hp_cap_template_enter(lane, self->row);
    PyObject *value = next(generator);
    hp_cap_template_leave(lane, before);
    hp_cap_lane_unref(lane);
    return value;
}

static PyObject *run_getattro(PyObject *self, PyObject *name)
{
    return PyObject_GetAttr(((Run *)self)->generator, name); /* send, throw, close, gi_frame … */
}

static int run_traverse(Run *self, visitproc visit, void *arg)
{
    Py_VISIT(self->generator);
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static int run_clear(Run *self)
{
    Py_CLEAR(self->generator);
    return 0;
}

static void run_dealloc(Run *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)run_clear(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

/* ---- a part ---- */

static PyObject *part_call(PyObject *object, PyObject *const *args, size_t nargsf, PyObject *names)
{
    Part *self = (Part *)object;
    PyObject *generator = PyObject_Vectorcall(self->original, args, nargsf, names);
    if (generator == NULL || !PyGen_CheckExact(generator) || hp_lane_here() == NULL) {
        return generator;
    }
    Run *run = PyObject_GC_New(Run, (PyTypeObject *)run_type);
    if (run == NULL) {
        hp_swallow();
        return generator;
    }
    run->generator = generator;
    run->request = 0;
    run->row = 0;
    run->sym = self->sym;
    run->name = self->name;
    run->kind = self->kind;
    PyObject_GC_Track(run);
    return (PyObject *)run;
}

static PyObject *part_getattro(PyObject *self, PyObject *name)
{
    if (PyUnicode_Check(name) && (PyUnicode_CompareWithASCIIString(name, "__call__") == 0 ||
                                  PyUnicode_CompareWithASCIIString(name, "__get__") == 0)) {
        return PyObject_GenericGetAttr(self, name);
    }
    return PyObject_GetAttr(((Part *)self)->original, name);
}

static PyObject *part_richcompare(PyObject *self, PyObject *other, int op)
{
    PyObject *mine = ((Part *)self)->original;
    PyObject *theirs = Py_IS_TYPE(other, (PyTypeObject *)part_type) ? ((Part *)other)->original : other;
    if (op != Py_EQ && op != Py_NE) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    return PyBool_FromLong((mine == theirs) == (op == Py_EQ));
}

static Py_hash_t part_hash(PyObject *self)
{
    return PyObject_Hash(((Part *)self)->original);
}

static PyObject *part_get(PyObject *self, PyObject *object, PyObject *type)
{
    (void)type;
    return object == NULL || object == Py_None ? Py_NewRef(self) : PyMethod_New(self, object);
}

static int part_traverse(Part *self, visitproc visit, void *arg)
{
    Py_VISIT(self->original);
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static int part_clear(Part *self)
{
    Py_CLEAR(self->original);
    return 0;
}

static void part_dealloc(Part *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)part_clear(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

/* A Part for a generator function; any other callable comes back as it is. New reference, or NULL with an
 * exception. */
static PyObject *part_of(PyObject *function, int kind, PyObject *name)
{
    PyCodeObject *code = PyFunction_Check(function) ? (PyCodeObject *)PyFunction_GET_CODE(function) : NULL;
    if (code == NULL || (code->co_flags & CO_GENERATOR) == 0) {
        return Py_NewRef(function);
    }
    hp_code_template(function);
    Part *part = PyObject_GC_New(Part, (PyTypeObject *)part_type);
    if (part != NULL) {
        part->original = Py_NewRef(function);
        part->vectorcall = part_call;
        part->sym = hp_code_symbol(code);
        part->name = hp_cap_text(hp_ext.cap, hp_utf8(name), HP_TEXT_RAW);
        part->kind = kind;
        PyObject_GC_Track(part);
    }
    return (PyObject *)part;
}

/* ---- templates ---- */

/* {name: Part} of {name: function}; new reference, or NULL with an exception. */
static PyObject *parts_of(PyObject *blocks)
{
    PyObject *parts = PyDict_New(), *key, *function;
    Py_ssize_t at = 0;
    while (parts != NULL && PyDict_Next(blocks, &at, &key, &function)) {
        PyObject *part = part_of(function, HP_X_TEMPLATE_BLOCK, key);
        if (part == NULL || PyDict_SetItem(parts, key, part) != 0) {
            Py_CLEAR(parts);
        }
        Py_XDECREF(part);
    }
    return parts;
}

static int watch_template(PyObject *template)
{
    PyObject *name = hp_attribute(template, str_name), *root = hp_attribute(template, str_root);
    PyObject *blocks = hp_attribute(template, str_blocks), *part = NULL, *parts = NULL;
    PyObject *shown =
        name != NULL && PyUnicode_Check(name) ? Py_NewRef(name) : PyUnicode_FromString("<template>");
    int failed = -1;
    if (shown != NULL && root != NULL && blocks != NULL && PyDict_Check(blocks)) {
        part = part_of(root, HP_X_TEMPLATE_WHOLE, shown);
        parts = part == NULL ? NULL : parts_of(blocks);
        failed = parts == NULL || PyObject_SetAttr(template, str_root, part) != 0 ||
                         PyObject_SetAttr(template, str_blocks, parts) != 0
                     ? -1
                     : 0;
    }
    Py_XDECREF(parts);
    Py_XDECREF(part);
    Py_XDECREF(shown);
    Py_XDECREF(blocks);
    Py_XDECREF(root);
    Py_XDECREF(name);
    return failed;
}

/* Template._from_namespace(cls, environment, namespace, globals). */
static PyObject *on_template(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                             size_t nargsf, PyObject *names)
{
    (void)lane;
    PyObject *template = hp_wrap_call(wrap, args, nargsf, names);
    if (template != NULL && hp_ext.cap != NULL && hp_ext.places != NULL &&
        !hp_cap_callback_fails(hp_ext.cap)) {
        if (watch_template(template) != 0) {
            hp_swallow();
        }
    }
    return template;
}

/* Macro._invoke(self, arguments, autoescape). */
static PyObject *on_macro(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                          size_t nargsf, PyObject *names)
{
    PyObject *function = PyVectorcall_NARGS(nargsf) > 0 && hp_cap_lane_level(lane) >= HP_X_LEVEL_MONITOR
                             ? hp_generic_get(args[0], str_func)
                             : NULL;
    uint32_t row = 0;
    if (function != NULL && PyFunction_Check(function)) {
        PyObject *name = hp_generic_get(args[0], str_name);
        row = begin(lane, HP_X_TEMPLATE_MACRO, hp_code_symbol((PyCodeObject *)PyFunction_GET_CODE(function)),
                    hp_cap_text(hp_ext.cap, hp_utf8(name), HP_TEXT_RAW));
        Py_XDECREF(name);
    }
    Py_XDECREF(function);
    hp_cap_lane_ref(lane);
    uint32_t before = hp_cap_template_enter(lane, row);
    PyObject *result = hp_wrap_call(wrap, args, nargsf, names);
    hp_cap_template_leave(lane, before);
    hp_cap_lane_unref(lane);
    return result;
}

static int hook_environment(PyObject *module)
{
    PyObject *cls = PyObject_GetAttrString(module, "Template");
    int failed =
        cls == NULL || hp_wrap_class_method(cls, "_from_namespace", on_template, 0, HP_WRAP_ALWAYS) != 0;
    Py_XDECREF(cls);
    return failed ? -1 : 0;
}

static int hook_runtime(PyObject *module)
{
    PyObject *cls = PyObject_GetAttrString(module, "Macro");
    int failed = cls == NULL || hp_wrap_method(cls, "_invoke", on_macro, 0, 0) != 0;
    Py_XDECREF(cls);
    return failed ? -1 : 0;
}

/* ---- types ---- */

static PyMemberDef part_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Part, vectorcall), READONLY, NULL},
    {"__wrapped__", T_OBJECT_EX, offsetof(Part, original), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};
static PyType_Slot part_slots[] = {{Py_tp_dealloc, (void *)part_dealloc},
                                   {Py_tp_call, (void *)PyVectorcall_Call},
                                   {Py_tp_getattro, (void *)part_getattro},
                                   {Py_tp_descr_get, (void *)part_get},
                                   {Py_tp_richcompare, (void *)part_richcompare},
                                   {Py_tp_hash, (void *)part_hash},
                                   {Py_tp_traverse, (void *)part_traverse},
                                   {Py_tp_clear, (void *)part_clear},
                                   {Py_tp_members, part_members},
                                   {0, NULL}};
static PyType_Slot run_slots[] = {{Py_tp_dealloc, (void *)run_dealloc},
                                  {Py_tp_iter, (void *)PyObject_SelfIter},
                                  {Py_tp_iternext, (void *)run_next},
                                  {Py_tp_getattro, (void *)run_getattro},
                                  {Py_tp_traverse, (void *)run_traverse},
                                  {Py_tp_clear, (void *)run_clear},
                                  {0, NULL}};
#define GC_TYPE (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION)
static PyType_Spec part_spec = {"_hotplate.TemplatePart", sizeof(Part), 0,
                                GC_TYPE | Py_TPFLAGS_HAVE_VECTORCALL, part_slots};
static PyType_Spec run_spec = {"_hotplate.TemplateRun", sizeof(Run), 0, GC_TYPE, run_slots};

int hp_jinja_init(PyObject *module)
{
    (void)module;
    static const struct {
        PyObject **where;
        const char *text;
    } names[] = {
        {&str_name, "name"}, {&str_root, "root_render_func"}, {&str_blocks, "blocks"}, {&str_func, "_func"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (*names[i].where == NULL &&
            (*names[i].where = PyUnicode_InternFromString(names[i].text)) == NULL) {
            return -1;
        }
    }
    if (part_type == NULL && ((part_type = PyType_FromSpec(&part_spec)) == NULL ||
                              (run_type = PyType_FromSpec(&run_spec)) == NULL)) {
        return -1;
    }
    hp_hook_add("jinja2.environment", hook_environment);
    hp_hook_add("jinja2.runtime", hook_runtime);
    return 0;
}
