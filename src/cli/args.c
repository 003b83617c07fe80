/* args.c -- see args.h. */
#include "cli/args.h"

#include <string.h>

#include "base/str.h"

/* The option that `word` names, its inline value in `*value` (NULL: none). NULL: there is no such option. */
static const struct hp_args_option *find_option(const struct hp_args *args, const char *word,
                                                const char **value)
{
    const char *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
    size_t n = equals != NULL ? (size_t)(equals - word) : strlen(word);
    *value = equals != NULL ? equals + 1 : NULL;
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < args->counts[t]; i++) {
            const struct hp_args_option *option = &args->options[t][i];
            if (strlen(option->name) == n && strncmp(option->name, word, n) == 0) {
                return option;
            }
            if (option->letter != NULL && strcmp(option->letter, word) == 0) {
                return option;
            }
        }
    }
    return NULL;
}

static hp_err take(const struct hp_args_option *option, const char *value, struct hp_errinfo *info)
{
    struct hp_args_list *list = option->to;
    switch (option->kind) {
    case HP_ARGS_FLAG:
        *(bool *)option->to = true;
        return HP_OK;
    case HP_ARGS_TEXT:
        *(const char **)option->to = value;
        return HP_OK;
    case HP_ARGS_LIST:
        if (list->count == HP_ARGS_LIST_MAX) {
            return hp_err_set(info, HP_EINVAL, 0, "%s is given more than %d times", option->name,
                              HP_ARGS_LIST_MAX);
        }
        list->items[list->count++] = value;
        return HP_OK;
    }
    return HP_EINVAL;
}

/* The option at argv[*at]; steps over its value. */
static hp_err take_option(const struct hp_args *args, int argc, char **argv, int *at, struct hp_errinfo *info)
{
    const char *value;
    const struct hp_args_option *option = find_option(args, argv[*at], &value);
    if (option == NULL) {
        return hp_err_set(info, HP_EINVAL, 0, "unknown option %s", argv[*at]);
    }
    if (option->kind == HP_ARGS_FLAG && value != NULL) {
        return hp_err_set(info, HP_EINVAL, 0, "%s takes no value", option->name);
    }
    if (option->kind != HP_ARGS_FLAG && value == NULL) {
        if (*at + 1 >= argc) {
            return hp_err_set(info, HP_EINVAL, 0, "%s needs a value", option->name);
        }
        value = argv[++*at];
    }
    return take(option, value, info);
}

static bool is_help(const struct hp_args *args, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
        if (args->command && argv[i][0] != '-') {
            const char *value;
            const struct hp_args_option *before = find_option(args, argv[i - 1], &value);
            if (i == 1 || before == NULL || before->kind == HP_ARGS_FLAG || value != NULL) {
                return false; /* the help that is asked for is the command's */
            }
        }
    }
    return false;
}

hp_err hp_args_parse(struct hp_args *args, int argc, char **argv, struct hp_errinfo *info)
{
    int kept = 0;
    args->rest = argv + 1;
    args->rest_count = 0;
    args->help = is_help(args, argc, argv);
    if (args->help) {
        return HP_OK;
    }
    for (int i = 1; i < argc; i++) {
        bool option = argv[i][0] == '-' && argv[i][1] != '\0';
        if (strcmp(argv[i], "--") == 0 || (!option && args->command)) {
            for (i += option; i < argc; i++) {
                argv[1 + kept++] = argv[i];
            }
        } else if (option) {
            hp_err err = take_option(args, argc, argv, &i, info);
            if (err != HP_OK) {
                return err;
            }
        } else {
            argv[1 + kept++] = argv[i];
        }
    }
    if (!args->command && kept > args->most) {
        return hp_err_set(info, HP_EINVAL, 0, "unexpected argument %s", argv[1 + args->most]);
    }
    args->rest_count = kept;
    return HP_OK;
}
