/* elf.h -- what an ELF file says about where an interpreter keeps its runtime. 64-bit little-endian files.
 *
 * The file is untrusted: everything is read at checked offsets with caps, nothing is mapped (a file that
 * shrinks must not kill us).
 */
#ifndef HP_ELF_H
#define HP_ELF_H

#include <stdbool.h>
#include <stdint.h>
#include "hotplate/err.h"

/* Addresses as the file has them, before relocation; 0: not there. */
struct hp_elf {
    uint64_t runtime;   /* _PyRuntime, else the section .PyRuntime */
    uint64_t version;   /* Py_Version (3.11 and later) */
    uint64_t code_type; /* PyCode_Type */
    uint64_t first;     /* address of what lies at offset 0 of the file, page-aligned */
};

/* Look them up in the open file `fd`. Fails: HP_EFORMAT (not such a file), HP_EIO, HP_ENOMEM. */
HP_CHECK hp_err hp_elf_look(int fd, struct hp_elf *out);

#endif
