/* elf.c -- see elf.h. */
#include "remote/elf.h"

#include <elf.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define SECTIONS_MOST 4096u
#define SEGMENTS_MOST 256u
#define TABLE_MOST    ((uint64_t)256 << 20)
#define PAGE          4096u

static hp_err read_at(int fd, uint64_t offset, void *to, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(fd, (char *)to + done, n - done, (off_t)(offset + done));
        if (got < 0) {
            return HP_EIO;
        }
        if (got == 0) {
            return HP_EFORMAT;
        }
        done += (size_t)got;
    }
    return HP_OK;
}

/* A table of the file as a block of its own; the caller frees. */
static hp_err load(int fd, uint64_t offset, uint64_t size, void **out)
{
    struct stat file;
    if (size == 0 || size > TABLE_MOST || fstat(fd, &file) != 0 || offset > (uint64_t)file.st_size ||
        (uint64_t)file.st_size - offset < size) {
        return HP_EFORMAT; /* before anything is allocated by what the file claims */
    }
    void *block = hp_malloc((size_t)size + 1);
    if (block == NULL) {
        return HP_ENOMEM;
    }
    hp_err err = read_at(fd, offset, block, (size_t)size);
    if (err != HP_OK) {
        hp_free(block);
        return err;
    }
    ((char *)block)[size] = '\0'; /* names end, whatever the file says */
    *out = block;
    return HP_OK;
}

static void take_symbol(const char *name, uint64_t value, struct hp_elf *out)
{
    uint64_t *to = strcmp(name, "_PyRuntime") == 0    ? &out->runtime
                   : strcmp(name, "Py_Version") == 0  ? &out->version
                   : strcmp(name, "PyCode_Type") == 0 ? &out->code_type
                                                      : NULL;
    if (to != NULL && *to == 0) {
        *to = value;
    }
}

static hp_err scan_symbols(int fd, const Elf64_Shdr *table, const Elf64_Shdr *names, struct hp_elf *out)
{
    void *symbols = NULL, *text = NULL;
    hp_err err = load(fd, table->sh_offset, table->sh_size, &symbols);
    err = err == HP_OK ? load(fd, names->sh_offset, names->sh_size, &text) : err;
    for (uint64_t at = 0; err == HP_OK && at + sizeof(Elf64_Sym) <= table->sh_size; at += sizeof(Elf64_Sym)) {
        Elf64_Sym symbol;
        memcpy(&symbol, (const char *)symbols + at, sizeof symbol);
        if (symbol.st_shndx != SHN_UNDEF && symbol.st_name < names->sh_size) {
            take_symbol((const char *)text + symbol.st_name, symbol.st_value, out);
        }
    }
    hp_free(text);
    hp_free(symbols);
    return err;
}

static hp_err scan_sections(int fd, const Elf64_Ehdr *head, const Elf64_Shdr *sections, struct hp_elf *out)
{
    hp_err err = HP_OK;
    for (int round = 0; round < 2 && err == HP_OK; round++) { /* a stripped file has the first kind only */
        uint32_t kind = round == 0 ? SHT_DYNSYM : SHT_SYMTAB;
        for (unsigned i = 0; i < head->e_shnum && err == HP_OK && out->runtime == 0; i++) {
            if (sections[i].sh_type == kind && sections[i].sh_link < head->e_shnum) {
                err = scan_symbols(fd, &sections[i], &sections[sections[i].sh_link], out);
            }
        }
    }
    if (err != HP_OK || out->runtime != 0 || head->e_shstrndx >= head->e_shnum) {
        return err;
    }
    void *text = NULL;
    const Elf64_Shdr *names = &sections[head->e_shstrndx];
    err = load(fd, names->sh_offset, names->sh_size, &text);
    for (unsigned i = 0; i < head->e_shnum && err == HP_OK; i++) {
        if (sections[i].sh_name < names->sh_size &&
            strcmp((const char *)text + sections[i].sh_name, ".PyRuntime") == 0) {
            out->runtime = sections[i].sh_addr;
        }
    }
    hp_free(text);
    return err;
}

static hp_err find_first(int fd, const Elf64_Ehdr *head, struct hp_elf *out)
{
    for (unsigned i = 0; i < head->e_phnum; i++) {
        Elf64_Phdr segment;
        hp_err err = read_at(fd, head->e_phoff + i * sizeof segment, &segment, sizeof segment);
        if (err != HP_OK) {
            return err;
        }
        if (segment.p_type == PT_LOAD && segment.p_offset < PAGE) {
            out->first = (segment.p_vaddr - segment.p_offset) & ~(uint64_t)(PAGE - 1);
            return HP_OK;
        }
    }
    return HP_EFORMAT;
}

hp_err hp_elf_look(int fd, struct hp_elf *result)
{
    Elf64_Ehdr head;
    void *sections = NULL;
    struct hp_elf out = {0};
    hp_err err = read_at(fd, 0, &head, sizeof head);
    if (err != HP_OK) {
        return err;
    }
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
        head.e_ident[EI_DATA] != ELFDATA2LSB || head.e_shentsize != sizeof(Elf64_Shdr) ||
        head.e_phentsize != sizeof(Elf64_Phdr) || head.e_shnum > SECTIONS_MOST ||
        head.e_phnum > SEGMENTS_MOST || head.e_phoff > INT64_MAX - SEGMENTS_MOST * sizeof(Elf64_Phdr)) {
        return HP_EFORMAT;
    }
    err = find_first(fd, &head, &out);
    err = err == HP_OK ? load(fd, head.e_shoff, (uint64_t)head.e_shnum * sizeof(Elf64_Shdr), &sections) : err;
    err = err == HP_OK ? scan_sections(fd, &head, sections, &out) : err;
    hp_free(sections);
    if (err == HP_OK) {
        *result = out;
    }
    return err;
}
