/* test_elf.c -- symbols and sections of a file made here: whole, cut at every byte, garbled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/rng.h"
#include "remote/elf.h"
#include "sweep_oom.h"

#define FILE_BYTES 1024

static uint8_t file[FILE_BYTES];

static const char names[] = "\0_PyRuntime\0Py_Version\0PyCode_Type\0.PyRuntime";

/* Header, one segment, five sections: none, .dynsym, its strings, .PyRuntime, names of sections (the same
 * strings). */
static void make(bool with_symbols)
{
    Elf64_Ehdr head = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB},
                       .e_phoff = 64,
                       .e_phnum = 1,
                       .e_phentsize = sizeof(Elf64_Phdr),
                       .e_shoff = 512,
                       .e_shnum = 5,
                       .e_shentsize = sizeof(Elf64_Shdr),
                       .e_shstrndx = 4};
    Elf64_Phdr load = {.p_type = PT_LOAD, .p_vaddr = 0x400000};
    Elf64_Sym symbols[] = {{0},
                           {.st_name = 1, .st_shndx = 3, .st_value = 0x400100},
                           {.st_name = 12, .st_shndx = 3, .st_value = 0x400200},
                           {.st_name = 23, .st_shndx = 3, .st_value = 0x400300},
                           {.st_name = 1, .st_shndx = SHN_UNDEF, .st_value = 0x999}};
    Elf64_Shdr sections[] = {{0},
                             {.sh_type = SHT_DYNSYM,
                              .sh_offset = 128,
                              .sh_size = with_symbols ? sizeof symbols : 24,
                              .sh_link = 2},
                             {.sh_type = SHT_STRTAB, .sh_offset = 320, .sh_size = sizeof names},
                             {.sh_type = SHT_PROGBITS, .sh_name = 35, .sh_addr = 0x400180},
                             {.sh_type = SHT_STRTAB, .sh_offset = 320, .sh_size = sizeof names}};
    memset(file, 0, sizeof file);
    memcpy(file, &head, sizeof head);
    memcpy(file + 64, &load, sizeof load);
    memcpy(file + 128, symbols, sizeof symbols);
    memcpy(file + 320, names, sizeof names);
    memcpy(file + 512, sections, sizeof sections);
}

static hp_err look(size_t n, struct hp_elf *out)
{
    int fd = memfd_create("elf", 0);
    assert_true(fd >= 0 && write(fd, file, n) == (ssize_t)n);
    hp_err err = hp_elf_look(fd, out);
    close(fd);
    return err;
}

static void symbols_that_are_defined_are_found(void **state)
{
    (void)state;
    struct hp_elf elf;
    make(true);
    assert_int_equal(look(FILE_BYTES, &elf), HP_OK);
    assert_int_equal(elf.runtime, 0x400100);
    assert_int_equal(elf.version, 0x400200);
    assert_int_equal(elf.code_type, 0x400300);
    assert_int_equal(elf.first, 0x400000);
}

static void without_symbols_the_section_tells(void **state)
{
    (void)state;
    struct hp_elf elf;
    make(false);
    assert_int_equal(look(FILE_BYTES, &elf), HP_OK);
    assert_int_equal(elf.runtime, 0x400180);
    assert_int_equal(elf.version, 0);
}

static void a_file_cut_anywhere_is_refused_or_read(void **state)
{
    (void)state;
    struct hp_elf elf;
    make(true);
    for (size_t n = 0; n < 512 + 5 * sizeof(Elf64_Shdr); n++) {
        assert_int_equal(look(n, &elf), HP_EFORMAT);
    }
}

static void a_garbled_file_does_no_harm(void **state)
{
    (void)state;
    struct hp_elf elf;
    struct hp_rng rng;
    hp_rng_seed(&rng, hp_test_seed("elf", 7));
    for (int i = 0; i < 3000; i++) {
        make(true);
        for (int k = 0; k < 4; k++) {
            file[16 + hp_rng_below(&rng, FILE_BYTES - 16)] = (uint8_t)hp_rng_below(&rng, 256);
        }
        hp_err err = look(FILE_BYTES, &elf);
        assert_true(err == HP_OK || err == HP_EFORMAT || err == HP_ENOMEM || err == HP_EIO);
    }
}

static void use_elf(void *arg)
{
    (void)arg;
    struct hp_elf elf;
    make(true);
    hp_err err = look(FILE_BYTES, &elf);
    assert_true(err == HP_OK || err == HP_ENOMEM);
}

static void survives_out_of_memory(void **state)
{
    (void)state;
    hp_sweep_oom(use_elf, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(symbols_that_are_defined_are_found),
        cmocka_unit_test(without_symbols_the_section_tells),
        cmocka_unit_test(a_file_cut_anywhere_is_refused_or_read),
        cmocka_unit_test(a_garbled_file_does_no_harm),
        cmocka_unit_test(survives_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
