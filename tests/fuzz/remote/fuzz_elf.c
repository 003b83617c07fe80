/* fuzz_elf.c -- libFuzzer over hp_elf_look: no crash, no large allocation by a size that the file claims. */
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "remote/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hp_elf elf;
    int fd = memfd_create("elf", 0);
    if (fd >= 0 && write(fd, data, size) == (ssize_t)size) {
        hp_err err = hp_elf_look(fd, &elf);
        (void)err;
    }
    if (fd >= 0) {
        close(fd);
    }
    return 0;
}
