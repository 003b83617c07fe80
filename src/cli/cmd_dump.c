/* cmd_dump.c -- `hotplate dump PID`: the stack of every thread of a running process, with lines, read from
 * outside. */
#include "base/json.h"
#include "cli/attached.h"
#include "cli/command.h"
#include "cli/output.h"
#include "format/framename.h"

static const char help[] = "hotplate dump PID [--no-children] [--json]\n"
                           "\n"
                           "Where each thread of a running CPython 3.11 to 3.15 is now, innermost call\n"
                           "first. Reads its memory; never stops or signals it. Children are included.\n";

struct dump {
    struct hp_attached on;
    struct hp_buf *out;
    struct hp_json json;
    pid_t last; /* process of the thread before; 0 none */
};

static const char *state_name(char state)
{
    return state == 'R'                   ? "running"
           : state == 'S'                 ? "sleeping"
           : state == 'D'                 ? "waiting for a device"
           : state == 'T' || state == 't' ? "stopped"
           : state == 'Z'                 ? "ended"
                                          : "state unknown";
}

static struct hp_symbol symbol_of(const struct dump *dump, uint32_t sym)
{
    return hp_dict_symbol(hp_sampler_dict(dump->on.sampler), sym);
}

static void put_version(struct hp_buf *out, uint32_t version)
{
    hp_buf_printf(out, "%u.%u", version >> 24, version >> 16 & 0xFF);
    if ((version & 0xFFFF) != 0) {
        hp_buf_printf(out, ".%u", version >> 8 & 0xFF);
    }
}

static bool put_text_thread(void *ctx, const struct hp_sampler_thread *thread)
{
    struct dump *dump = ctx;
    struct hp_buf *out = dump->out;
    if (dump->last != thread->pid) {
        hp_buf_printf(out, "%sProcess %ld: ", dump->last == 0 ? "" : "\n", (long)thread->pid);
        hp_output_paint(out, HP_PAINT_BOLD, hp_str_from0(thread->command));
        hp_buf_put_text(out, HP_STR("\nPython "));
        put_version(out, thread->version);
        hp_buf_put_text(out, HP_STR("\n"));
        dump->last = thread->pid;
    }
    hp_buf_printf(out, "\nThread %ld", (long)thread->task);
    if (thread->name[0] != '\0') {
        hp_buf_put_text(out, HP_STR(" ("));
        hp_output_text(out, hp_str_from0(thread->name));
        hp_buf_put_text(out, HP_STR(")"));
    }
    hp_buf_printf(out, ": %s%s\n", state_name(thread->state), thread->has_gil ? ", holds the GIL" : "");
    for (uint32_t i = 0; thread->err == HP_OK && i < thread->stack->count; i++) {
        struct hp_symbol symbol = symbol_of(dump, thread->stack->frames[i].sym);
        hp_buf_put_text(out, HP_STR("    "));
        hp_output_paint(out, symbol.flags & HP_SYM_APP ? HP_PAINT_BOLD : HP_PAINT_PLAIN,
                        hp_framename_shown(&symbol, false));
        hp_buf_put_text(out, HP_STR(" ("));
        hp_output_paint(out, HP_PAINT_DIM, symbol.file);
        hp_buf_printf(out, ":%u)\n", thread->stack->frames[i].line);
    }
    if (thread->err != HP_OK) {
        hp_buf_put_text(out, HP_STR("    (moved while it was read)\n"));
    } else if (thread->stack->count == 0) {
        hp_buf_put_text(out, HP_STR("    (runs no Python code)\n"));
    } else if (thread->stack->cut) {
        hp_buf_printf(out, "    … and more (only %d are read)\n", HP_TARGET_FRAMES);
    }
    return true;
}

static void put_json_frames(struct dump *dump, const struct hp_sampler_thread *thread)
{
    struct hp_json *json = &dump->json;
    hp_json_key(json, "frames");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < thread->stack->count; i++) {
        struct hp_symbol symbol = symbol_of(dump, thread->stack->frames[i].sym);
        hp_json_object_begin(json);
        hp_json_kv_str(json, "function", hp_framename_shown(&symbol, false));
        hp_json_kv_str(json, "file", symbol.file);
        hp_json_kv_u64(json, "line", thread->stack->frames[i].line);
        hp_json_kv_bool(json, "application", symbol.flags & HP_SYM_APP);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

static bool put_json_thread(void *ctx, const struct hp_sampler_thread *thread)
{
    struct dump *dump = ctx;
    struct hp_json *json = &dump->json;
    struct hp_buf version;
    hp_buf_init(&version, 64);
    put_version(&version, thread->version);
    hp_json_object_begin(json);
    hp_json_kv_i64(json, "pid", thread->pid);
    hp_json_kv_cstr(json, "command", thread->command);
    hp_json_kv_str(json, "python", hp_buf_str(&version));
    hp_json_kv_i64(json, "thread", thread->task);
    hp_json_kv_cstr(json, "name", thread->name);
    hp_json_kv_cstr(json, "state", state_name(thread->state));
    if (!thread->free_threaded) {
        hp_json_kv_bool(json, "gil", thread->has_gil);
    }
    hp_json_kv_bool(json, "torn", thread->err != HP_OK);
    if (thread->err == HP_OK) {
        put_json_frames(dump, thread);
        hp_json_kv_bool(json, "cut", thread->stack->cut);
    }
    hp_json_object_end(json);
    hp_buf_fini(&version);
    return true;
}

static hp_err dump_json(struct dump *dump)
{
    struct hp_json *json = &dump->json;
    hp_json_init(json, dump->out, true);
    hp_json_object_begin(json);
    hp_json_kv_u64(json, "schema", 1);
    hp_json_kv_i64(json, "pid", dump->on.pid);
    hp_json_key(json, "threads");
    hp_json_array_begin(json);
    hp_err err = hp_sampler_dump(dump->on.sampler, put_json_thread, dump);
    hp_json_array_end(json);
    hp_json_object_end(json);
    return err;
}

int hp_cmd_dump(int argc, char **argv, struct hp_buf *out)
{
    struct dump dump = {.out = out};
    int status = hp_attached_parse(&dump.on, "dump", help, NULL, 0, false, 0, argc, argv, out);
    status = status >= 0 ? status : hp_attached_open(&dump.on);
    if (status >= 0) {
        return status;
    }
    hp_err err = dump.on.json ? dump_json(&dump) : hp_sampler_dump(dump.on.sampler, put_text_thread, &dump);
    if (err == HP_ENOTFOUND) {
        hp_buf_reset(out);
        status = hp_output_fail("process %ld has ended", (long)dump.on.pid);
    } else if (err != HP_OK) {
        hp_buf_reset(out);
        status = hp_output_error(err, NULL);
    } else {
        status = dump.on.json ? hp_output_json_end(&dump.json, out) : HP_EXIT_OK;
    }
    hp_attached_close(&dump.on);
    return status;
}
