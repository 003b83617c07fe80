/* args.h -- options of a command line: a table in, values out.
 *
 * `--name value`, `--name=value`, `-x value`; flags take none. `--` ends the options. Names are not
 * abbreviated. Values stay borrowed from argv.
 */
#ifndef HP_ARGS_H
#define HP_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include "hotplate/err.h"

enum hp_args_kind {
    HP_ARGS_FLAG, /* bool */
    HP_ARGS_TEXT, /* const char *; the last one wins */
    HP_ARGS_LIST  /* struct hp_args_list */
};

#define HP_ARGS_LIST_MAX 64
struct hp_args_list {
    const char *items[HP_ARGS_LIST_MAX];
    size_t count;
};

struct hp_args_option {
    const char *name;   /* "--store" */
    const char *letter; /* "-o" or NULL */
    enum hp_args_kind kind;
    void *to;
};

/* What the command takes: tables of options (the last one may be NULL), and where the rest goes. */
struct hp_args {
    const struct hp_args_option *options[2];
    size_t counts[2];
    bool command;   /* the first word that is no option ends the options (what follows is a command line) */
    int most;       /* words beside options; more are a usage error. Ignored with `command` */
    char **rest;    /* out: the words, moved to the front of argv */
    int rest_count; /* out */
    bool help;      /* out: --help or -h was there; nothing else was checked */
};

/* Parse argv[1…]. Reorders argv. Fails: HP_EINVAL with one line in `info`. */
HP_CHECK hp_err hp_args_parse(struct hp_args *args, int argc, char **argv, struct hp_errinfo *info);

#endif
