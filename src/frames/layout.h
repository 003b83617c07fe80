/* layout.h -- where the fields that a walk needs lie in one CPython's structures.
 *
 *     _PyRuntime ── interpreters ─▶ interpreter ── threads ─▶ thread ── frame ─▶ frame ─▶ … ─▶ frame
 *                                      └── gil {locked, last holder}                └▶ code object ─▶ name, file, line table
 *
 * 3.11 and 3.12 kept their layout over all their releases: tables, taken from their headers (64-bit builds).
 * From 3.13 on the interpreter publishes its own offsets at the start of _PyRuntime; what it says is checked,
 * not believed. Layout of those: docs/internals/frames.md.
 */
#ifndef HP_LAYOUT_H
#define HP_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hotplate/err.h"

#define HP_LAYOUT_OLDEST 11 /* minor versions of CPython 3 */
#define HP_LAYOUT_NEWEST 15

#define HP_LAYOUT_DEBUG_BYTES                                                                                \
    1024 /* what hp_layout_debug wants of the start of _PyRuntime; fewer will do if there are no more */
#define HP_LAYOUT_CODE_BYTES   512 /* caps of what is read of one structure */
#define HP_LAYOUT_FRAME_BYTES  256
#define HP_LAYOUT_THREAD_BYTES 1024

/* Where an interpreter from 3.14 on is asked to run a script (PEP 768). */
struct hp_layout_script {
    uint32_t interp_main;                 /* pointer to the main thread's state */
    uint32_t interp_allowed;              /* an int: 1 */
    uint32_t thread_breaker;              /* a word of bits that stop the evaluation loop for a look */
    uint32_t thread_pending, thread_path; /* an int: 1 asks; the script's path, NUL-terminated */
    uint32_t path_bytes;                  /* room for it; 0: the version takes no scripts */
};

struct hp_layout {
    uint32_t version; /* PY_VERSION_HEX; of tables only the minor version is known */
    uint8_t minor;
    bool free_threaded;
    bool by_cframe;      /* the thread points to a C frame that points to the frame (3.11, 3.12) */
    bool instr_previous; /* the frame holds the unit before the next instruction, else the current one */
    uint8_t owner_c;     /* frames of this owner and above belong to the interpreter, not to Python code */
    uint8_t tag_mask;    /* bits of a reference to a code object that are no address */
    uint8_t kind_shift;  /* bit where `kind` starts in a string's state */

    /* Offsets in bytes. */
    uint32_t runtime_interpreters;
    uint32_t runtime_gil; /* 3.11: one GIL, in the runtime; else 0 */
    uint32_t interp_next, interp_threads;
    uint32_t interp_gil; /* pointer to the GIL; 0 where runtime_gil is */
    uint32_t gil_locked, gil_holder;
    uint32_t thread_next, thread_frame, thread_native_id;
    uint32_t thread_bytes; /* as much of a thread state holds all three */
    uint32_t cframe_frame;
    uint32_t frame_code, frame_previous, frame_instr, frame_owner;
    uint32_t frame_tlbc;  /* free-threaded 3.14: which copy of the bytecode; else 0 */
    uint32_t frame_bytes; /* as much of a frame holds all of them */
    uint32_t code_filename, code_name, code_qualname, code_linetable, code_firstline;
    uint32_t code_start; /* of the instructions, where also what is read of a code object ends */
    uint32_t code_tlbc;
    uint32_t code_version;             /* an int that no two code objects share; 0: not known */
    uint32_t object_type, object_size; /* ob_type, ob_size */
    uint32_t bytes_start;
    uint32_t text_length, text_state, text_ascii, text_compact; /* the last two: where characters start */
    struct hp_layout_script script;

    uint64_t code_type; /* address of PyCode_Type, 0 where unknown: set by whoever finds it */
};

/* The table of 3.`minor`. Fails: HP_EUNSUPPORTED where there is none (hp_layout_debug may know). */
HP_CHECK hp_err hp_layout_table(unsigned minor, struct hp_layout *layout);

/* From the bytes at the start of _PyRuntime. Input is untrusted. Fails: HP_ENOTFOUND (no offsets there:
 * before 3.13), HP_EUNSUPPORTED (a version we do not know; layout->minor and ->version are set), HP_ECORRUPT
 * (implausible). */
HP_CHECK hp_err hp_layout_debug(const uint8_t *bytes, size_t n, struct hp_layout *layout);

#endif
