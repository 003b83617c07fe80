/* compat.h -- everything that differs between CPythons, in one place. The only file that looks at
 * PY_VERSION_HEX.
 *
 * Interpreter frames are read through internal headers (compiled per minor version, hence per-version
 * wheels): 3.11  Include/internal/pycore_frame.h  f_code,       prev_instr;  tstate->cframe->current_frame
 *   3.12  the same file                    f_code,       prev_instr;  shim frames owned by the C stack
 *   3.13  the same file                    f_executable, instr_ptr;   tstate->current_frame; trampolines
 * around __init__ 3.14+ pycore_interpframe.h             f_executable is a tagged reference; shims owned by
 * the interpreter
 */
#ifndef HP_PYEXT_COMPAT_H
#define HP_PYEXT_COMPAT_H

#ifdef HP_WANT_INTERPRETER /* gil.c: whole interpreter structures, which want to be told before Python.h */
#define Py_BUILD_CORE 1
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <stdbool.h>
#include <stdint.h>

#include "hotplate/ext/sampler.h"

#if PY_VERSION_HEX < 0x030B0000
#error "Hotplate needs CPython 3.11 or later"
#endif
#ifdef Py_GIL_DISABLED
#error "Hotplate does not run on a free-threaded CPython: its hooks rely on the GIL"
#endif

/* The internal headers are not warning-clean under -Wconversion; they count as system headers here. */
#pragma GCC system_header

#ifndef Py_BUILD_CORE
#define Py_BUILD_CORE         1
#define HP_DEFINED_BUILD_CORE 1
#endif
#include "internal/pycore_frame.h"
#if PY_VERSION_HEX >= 0x030E0000
#include "internal/pycore_interpframe.h"
#endif
#ifdef HP_DEFINED_BUILD_CORE
#undef Py_BUILD_CORE
#endif

#if PY_VERSION_HEX >= 0x030C0000
#define HP_HAVE_MONITORING 1
#else
#define HP_HAVE_MONITORING 0
#endif

typedef struct _PyInterpreterFrame hp_frame;

/* A number that no other type has, nor this one after a change to it or to its bases; 0: none yet. */
static inline unsigned hp_type_version(const PyTypeObject *type)
{
#if PY_VERSION_HEX < 0x030C0000
    return type->tp_flags & Py_TPFLAGS_VALID_VERSION_TAG ? type->tp_version_tag : 0;
#else
    return type->tp_version_tag;
#endif
}

/* Whether the frame is one of the interpreter's own, which no Python code runs in: a shim at the entry from
 * C, or the trampoline under an inlined __init__. The latter's code object is constant data and must not be
 * written to; what tells it is that its function is None. */
static inline bool hp_frame_is_shim(const hp_frame *frame)
{
#if PY_VERSION_HEX >= 0x030E0000
    return frame->owner >= FRAME_OWNED_BY_INTERPRETER || PyStackRef_IsNone(frame->f_funcobj);
#elif PY_VERSION_HEX >= 0x030D0000
    return frame->owner == FRAME_OWNED_BY_CSTACK || frame->f_funcobj == Py_None;
#elif PY_VERSION_HEX >= 0x030C0000
    return frame->owner == FRAME_OWNED_BY_CSTACK;
#else
    (void)frame;
    return false;
#endif
}

/* The nearest real frame at or below `frame`; NULL at the end of the chain. */
static inline hp_frame *hp_frame_real(hp_frame *frame)
{
    while (frame != NULL && hp_frame_is_shim(frame)) {
        frame = frame->previous;
    }
    return frame;
}

static inline hp_frame *hp_frame_caller(hp_frame *frame)
{
    return hp_frame_real(frame->previous);
}

/* The frame that runs now on this thread; NULL when there is none. */
static inline hp_frame *hp_frame_current(PyThreadState *tstate)
{
#if PY_VERSION_HEX >= 0x030D0000
    return hp_frame_real(tstate->current_frame);
#else
    return hp_frame_real(tstate->cframe->current_frame);
#endif
}

/* Borrowed. */
static inline PyCodeObject *hp_frame_code(hp_frame *frame)
{
#if PY_VERSION_HEX >= 0x030E0000
    return (PyCodeObject *)PyStackRef_AsPyObjectBorrow(frame->f_executable);
#elif PY_VERSION_HEX >= 0x030D0000
    return (PyCodeObject *)frame->f_executable;
#else
    return frame->f_code;
#endif
}

/* Offset of the current instruction in code units; may be negative before the first one. */
static inline int hp_frame_lasti(hp_frame *frame)
{
#if PY_VERSION_HEX >= 0x030D0000
    return (int)(frame->instr_ptr - (_Py_CODEUNIT *)(void *)hp_frame_code(frame)->co_code_adaptive);
#else
    return (int)(frame->prev_instr - (_Py_CODEUNIT *)(void *)hp_frame_code(frame)->co_code_adaptive);
#endif
}

/* The first argument of the running function; NULL: not there. Borrowed. */
static inline PyObject *hp_frame_first_argument(hp_frame *frame)
{
    if (hp_frame_code(frame)->co_argcount < 1) {
        return NULL;
    }
#if PY_VERSION_HEX >= 0x030E0000
    return PyStackRef_IsNull(frame->localsplus[0]) ? NULL : PyStackRef_AsPyObjectBorrow(frame->localsplus[0]);
#else
    return frame->localsplus[0];
#endif
}

static inline bool hp_frame_of_generator(const hp_frame *frame)
{
    return frame->owner == FRAME_OWNED_BY_GENERATOR;
}

/* The first piece of the stack that this thread's frames lie on: greenlets have one each. May be read by the
 * thread itself without the GIL. */
static inline const void *hp_stack_root(const PyThreadState *tstate)
{
    const _PyStackChunk *chunk = tstate->datastack_chunk;
    while (chunk != NULL && chunk->previous != NULL) {
        chunk = chunk->previous;
    }
    return chunk;
}

/* The frame of a suspended coroutine or generator; NULL: it has none any more. Borrowed. */
static inline hp_frame *hp_coroutine_frame(PyObject *coroutine)
{
    PyGenObject *gen = (PyGenObject *)coroutine;
#if PY_VERSION_HEX >= 0x030E0000
    return FRAME_STATE_FINISHED(gen->gi_frame_state) ? NULL : &gen->gi_iframe;
#else
    return gen->gi_frame_state >= FRAME_COMPLETED ? NULL : (hp_frame *)(void *)gen->gi_iframe;
#endif
}

/* A line of code, 0 when unknown. `lasti` in code units as hp_frame_lasti gives it. */
static inline uint32_t hp_code_line(PyCodeObject *code, int lasti)
{
    int line = PyCode_Addr2Line(code, lasti < 0 ? 0 : lasti * (int)sizeof(_Py_CODEUNIT));
    return line > 0 ? (uint32_t)line : 0;
}

/* Per-code extra data: a symbol id plus one, no pointer, so that nothing needs freeing. */
static inline Py_ssize_t hp_code_extra_index(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyUnstable_Eval_RequestCodeExtraIndex(NULL);
#else
    return _PyEval_RequestCodeExtraIndex(NULL);
#endif
}

#if PY_VERSION_HEX < 0x030F0000
/* As Objects/codeobject.c has it (_PyCodeObjectExtra): read in place, this is asked for at every traced
 * call. */
struct hp_code_extra {
    Py_ssize_t size;
    void *extras[1];
};

static inline uintptr_t hp_code_get_extra(PyCodeObject *code, Py_ssize_t index)
{
    const struct hp_code_extra *extra = (const struct hp_code_extra *)code->co_extra;
    return extra != NULL && index < extra->size ? (uintptr_t)extra->extras[index] : 0;
}
#else
static inline uintptr_t hp_code_get_extra(PyCodeObject *code, Py_ssize_t index)
{
    void *extra = NULL;
    (void)PyUnstable_Code_GetExtra((PyObject *)code, index, &extra);
    return (uintptr_t)extra;
}
#endif

/* Where a code object has its extras, in the layout above; 0: not known. */
static inline uint32_t hp_code_extra_offset(void)
{
#if PY_VERSION_HEX < 0x030F0000
    return (uint32_t)offsetof(PyCodeObject, co_extra);
#else
    return 0;
#endif
}

/* Where a code object has the number that is its own among all that were ever made; 0: not known. */
static inline uint32_t hp_code_version_offset(void)
{
#if PY_VERSION_HEX >= 0x030C0000 && PY_VERSION_HEX < 0x030F0000
    return (uint32_t)offsetof(PyCodeObject, co_version);
#else
    return 0;
#endif
}

static inline int hp_code_set_extra(PyCodeObject *code, Py_ssize_t index, uintptr_t value)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyUnstable_Code_SetExtra((PyObject *)code, index, (void *)value);
#else
    return _PyCode_SetExtra((PyObject *)code, index, (void *)value);
#endif
}

/* Have each code object of this interpreter that is about to be freed told to the sampler; false: it cannot
 * be. Once an interpreter. */
#if PY_VERSION_HEX >= 0x030C0000
static inline int hp_code_event(PyCodeEvent event, PyCodeObject *code)
{
    if (event == PY_CODE_EVENT_DESTROY) {
        hp_cap_code_gone(code);
    }
    return 0;
}
#endif

static inline bool hp_code_watch(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    if (PyCode_AddWatcher(hp_code_event) >= 0) {
        return true;
    }
    PyErr_Clear(); /* others have taken all places */
#endif
    return false;
}

/* 1 and a new reference, 0 if there is no such attribute, -1 with an exception. */
static inline int hp_optional_attr(PyObject *object, PyObject *name, PyObject **value)
{
#if PY_VERSION_HEX >= 0x030D0000
    return PyObject_GetOptionalAttr(object, name, value);
#else
    return _PyObject_LookupAttr(object, name, value);
#endif
}

/* A non-negative int as little-endian bytes; 0, or -1 with an exception when it does not fit. */
static inline int hp_long_bytes(PyObject *number, unsigned char *bytes, size_t n)
{
#if PY_VERSION_HEX >= 0x030D0000
    return _PyLong_AsByteArray((PyLongObject *)number, bytes, n, 1, 0, 1);
#else
    return _PyLong_AsByteArray((PyLongObject *)number, bytes, n, 1, 0);
#endif
}

/* The pending exception, kept over a callback of ours. */
struct hp_pending {
    PyObject *type, *value, *traceback; /* owned */
};

static inline struct hp_pending hp_pending_save(void)
{
    struct hp_pending p = {NULL, NULL, NULL};
#if PY_VERSION_HEX >= 0x030C0000
    p.value = PyErr_GetRaisedException();
#else
    PyErr_Fetch(&p.type, &p.value, &p.traceback);
#endif
    return p;
}

/* Drops whatever our own code left behind. */
static inline void hp_pending_restore(struct hp_pending p)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(p.value);
#else
    PyErr_Restore(p.type, p.value, p.traceback);
#endif
}

/* An attribute that may be missing: 1 and a new reference, 0 and NULL, or -1 with an exception. */
static inline int hp_lookup_attr(PyObject *object, PyObject *name, PyObject **result)
{
#if PY_VERSION_HEX >= 0x030D0000
    return PyObject_GetOptionalAttr(object, name, result);
#else
    return _PyObject_LookupAttr(object, name, result);
#endif
}

#if !HP_HAVE_MONITORING
/* RESUME's argument tells a first entry (0) from a re-entry of a generator. */
static inline bool hp_frame_is_resume(hp_frame *frame)
{
    return hp_frame_of_generator(frame) &&
           hp_frame_lasti(frame) > (int)hp_frame_code(frame)->_co_firsttraceable;
}
#endif

#ifdef HP_WANT_INTERPRETER
#if PY_VERSION_HEX >= 0x030C0000
#include "internal/pycore_interp.h"
#endif
#include "internal/pycore_runtime.h"

/* The interpreter's lock. */
struct hp_gil {
    const void *low; /* where it is, with its condition variables */
    size_t bytes;
    const void *released;       /* signalled when it is given up */
    const volatile int *locked; /* not 0 while somebody has it */
};

static inline struct hp_gil hp_gil_of(PyInterpreterState *interp)
{
#if PY_VERSION_HEX >= 0x030C0000
    const struct _gil_runtime_state *gil = interp->ceval.gil;
#else
    const struct _gil_runtime_state *gil = &_PyRuntime.ceval.gil;
    (void)interp;
#endif
    return (struct hp_gil){gil, sizeof *gil, &gil->cond, (const volatile int *)&gil->locked};
}

/* ---- dictionaries and objects as they lie in memory ---- */

/* members.c: what is laid out in another way is asked for. */
PyObject *hp_dict_ask(PyObject *dict, PyObject *name);
PyObject *hp_own_ask(PyObject *object, PyObject *name);

#if PY_VERSION_HEX < 0x030E0000
#include "internal/pycore_dict.h"
#include "internal/pycore_object.h"

/* Where entry `i` of the hash table points to; -1: to nothing, -2: a deleted one. The table has fewer than
 * 65,536 entries. */
static inline Py_ssize_t hp_keys_at(const PyDictKeysObject *keys, size_t i)
{
    return keys->dk_log2_size < 8 ? ((const int8_t *)keys->dk_indices)[i]
                                  : ((const int16_t *)(const void *)keys->dk_indices)[i];
}

/* hp_keys_find among keys that are equal, but not the same object. */
static __attribute__((noinline)) Py_ssize_t hp_keys_compare(PyDictKeysObject *keys, PyObject *name)
{
    Py_hash_t hash = ((PyASCIIObject *)name)->hash;
    size_t mask = ((size_t)1 << keys->dk_log2_size) - 1, perturb = (size_t)hash, i = (size_t)hash & mask;
    for (;;) {
        Py_ssize_t at = hp_keys_at(keys, i);
        PyObject *key = at >= 0 ? DK_UNICODE_ENTRIES(keys)[at].me_key : NULL;
        bool same = key == name || (key != NULL && ((PyASCIIObject *)key)->hash == hash &&
                                    PyUnicode_Compare(key, name) == 0);
        if (same || at == DKIX_EMPTY) {
            return at;
        }
        perturb >>= 5;
        i = (i * 5 + perturb + 1) & mask;
    }
}

/* Position of an interned name in keys that are all str; -1: not there. As do_lookup of Objects/dictobject.c
 * does it. */
static inline Py_ssize_t hp_keys_find(PyDictKeysObject *keys, PyObject *name)
{
    const PyDictUnicodeEntry *entries = DK_UNICODE_ENTRIES(keys);
    Py_hash_t hash = ((PyASCIIObject *)name)->hash;
    size_t mask = ((size_t)1 << keys->dk_log2_size) - 1, perturb = (size_t)hash, i = (size_t)hash & mask;
    for (;;) {
        Py_ssize_t at = hp_keys_at(keys, i);
        if (at >= 0) {
            if (entries[at].me_key == name) {
                return at;
            }
            if (((PyASCIIObject *)entries[at].me_key)->hash == hash) {
                return hp_keys_compare(keys, name);
            }
        } else if (at == DKIX_EMPTY) {
            return -1;
        }
        perturb >>= 5;
        i = (i * 5 + perturb + 1) & mask;
    }
}

/* hp_dict_find and hp_own of members.h. */
static inline PyObject *hp_dict_look(PyObject *dict, PyObject *name)
{
    PyDictKeysObject *keys = ((PyDictObject *)dict)->ma_keys;
    if (keys->dk_kind == DICT_KEYS_GENERAL || keys->dk_log2_size >= 16) {
        return hp_dict_ask(dict, name);
    }
    const PyDictValues *values = ((PyDictObject *)dict)->ma_values;
    Py_ssize_t at = hp_keys_find(keys, name);
    return at < 0 ? NULL : values != NULL ? values->values[at] : DK_UNICODE_ENTRIES(keys)[at].me_value;
}

static inline PyObject *hp_own_look(PyObject *object, PyObject *name)
{
    PyTypeObject *type = Py_TYPE(object);
    PyDictValues *values = NULL;
    PyObject *dict = NULL;
    if (!PyType_HasFeature(type, Py_TPFLAGS_MANAGED_DICT)) {
        return hp_own_ask(object, name);
    }
#if PY_VERSION_HEX >= 0x030D0000
    if (PyType_HasFeature(type, Py_TPFLAGS_INLINE_VALUES) && _PyObject_InlineValues(object)->valid) {
        values = _PyObject_InlineValues(object);
    } else {
        dict = (PyObject *)_PyObject_GetManagedDict(object);
    }
#elif PY_VERSION_HEX >= 0x030C0000
    PyDictOrValues either = *_PyObject_DictOrValuesPointer(object);
    if (_PyDictOrValues_IsValues(either)) {
        values = _PyDictOrValues_GetValues(either);
    } else {
        dict = _PyDictOrValues_GetDict(either);
    }
#else
    values = *_PyObject_ValuesPointer(object);
    dict = *_PyObject_ManagedDictPointer(object);
#endif
    if (values == NULL) {
        return dict != NULL ? hp_dict_look(dict, name) : NULL;
    }
    PyDictKeysObject *keys = ((PyHeapTypeObject *)type)->ht_cached_keys;
    Py_ssize_t at = hp_keys_find(keys, name);
    return at < 0 ? NULL : values->values[at];
}

#else

static inline PyObject *hp_dict_look(PyObject *dict, PyObject *name)
{
    return hp_dict_ask(dict, name);
}

static inline PyObject *hp_own_look(PyObject *object, PyObject *name)
{
    return hp_own_ask(object, name);
}

#endif

#endif

#endif
