/* inside.c -- see inside.h.
 *
 *     open ─▶ folder with a script in the target's /tmp ─▶ ask ─┬▶ answer ("+…" records, "-…" why not)
 *                                                              └▶ --for is over: take the request back
 *
 * All processes are asked before any answer is waited for. Nothing is left behind: no file, and no request
 * once we have gone.
 */
#include "cli/inside.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/storepath.h"
#include "remote/drop.h"
#include "remote/inject.h"
#include "remote/proc.h"

#define POLL_NS      10000000
#define REMIND_POLLS 20 /* as many polls without an answer, and the target is told to look again */
#define TITLE_BYTES  96
#define SCRIPT_BYTES (4 * HP_STOREPATH_BYTES)

/* Hotplate is taken from the target's own environment, else from ours: where this program is installed, for
 * the target's version. Whatever happens is told by the answer, never raised into the program that runs
 * there. */
static const char script[] =
    "def start(folder, library, store, level):\n"
    "    import os\n"
    "    import sys\n"
    "    try:\n"
    "        borrowed = library not in sys.path\n"
    "        if borrowed:\n"
    "            sys.path.append(library)\n"
    "        try:\n"
    "            from hotplate import _inject\n"
    "        finally:\n"
    "            if borrowed:\n"
    "                sys.path.remove(library)\n"
    "        said = '+' + _inject.start(store, level)\n"
    "    except Exception as error:\n"
    "        said = '-' + type(error).__name__ + ': ' + ' '.join(str(error).split())\n"
    "        if getattr(error, 'name', '') == 'hotplate':\n"
    "            said = '-has no Hotplate, and beside this command is none for its Python'\n"
    "    try:\n"
    "        with open(folder + '/answer.part', 'w') as file:\n"
    "            file.write(said)\n"
    "        os.rename(folder + '/answer.part', folder + '/answer')\n"
    "    except OSError:\n"
    "        pass\n"
    "\n"
    "\n";

enum state { WAITING, RECORDS, FAILED };

struct process {
    pid_t pid;
    enum state state;
    struct hp_target *target; /* while waiting */
    struct hp_drop drop;
    char title[TITLE_BYTES];
    char said[512];
};

struct asking {
    const struct hp_inside *inside;
    char store[HP_STOREPATH_BYTES];
    struct hp_dict *dict; /* a target wants one; no code is named here */
    struct process *processes;
    size_t count;
};

/* ---- one process ---- */

/* The folder of packages beside this program that is for the target's version:
 * <prefix>/lib/python3.N/site-packages. */
static void our_library(const struct hp_target *target, char folder[HP_STOREPATH_BYTES])
{
    char own[HP_STOREPATH_BYTES];
    ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
    own[n > 0 ? n : 0] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(own, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
    }
    n = snprintf(folder, HP_STOREPATH_BYTES, "%s/lib/python3.%u/site-packages", own,
                 (unsigned)hp_target_layout(target)->minor);
    folder[n >= HP_STOREPATH_BYTES ? 0 : n] = '\0';
}

/* A text as Python reads it: JSON's strings are. */
static void put_text(struct hp_buf *out, const char *text)
{
    struct hp_json json;
    hp_json_init(&json, out, false);
    hp_json_cstr(&json, text);
}

static void put_script(const struct asking *asking, const struct process *process, struct hp_buf *out)
{
    char library[HP_STOREPATH_BYTES];
    const char *level = asking->inside->level;
    const char *const given[] = {process->drop.path, library, asking->store, level != NULL ? level : ""};
    our_library(process->target, library);
    hp_buf_put_text(out,
                    HP_STR("# Written by `hotplate attach --inject`: starts Hotplate in this process.\n"));
    hp_buf_put_text(out, hp_str_make(script, sizeof script - 1));
    hp_buf_put_text(out, HP_STR("start("));
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        hp_buf_put_text(out, i == 0 ? HP_STR("") : HP_STR(", "));
        put_text(out, given[i]);
    }
    hp_buf_put_text(out, HP_STR(")\n"));
}

/* The process records to a path of its own file system: it must be what we mean. A folder that is not there
 * yet is made when there is something to record, so it is the nearest one above that counts. */
static hp_err check_store(const struct asking *asking, const struct process *process, struct hp_errinfo *info)
{
    char folder[HP_STOREPATH_BYTES];
    hp_storepath_folder(asking->store, folder);
    while (folder[1] != '\0' && access(folder, F_OK) != 0) {
        char *slash = strrchr(folder, '/');
        slash[slash == folder] = '\0'; /* "/a" becomes "/" */
    }
    return hp_proc_shares(hp_target_dir(process->target), folder)
               ? HP_OK
               : hp_err_set(
                     info, HP_EUNSUPPORTED, 0,
                     "has another %.80s than this command (a container?): run the command in there, or "
                     "give a --store in a folder that both have at the same path",
                     folder);
}

static hp_err drop_and_ask(const struct asking *asking, struct process *process, struct hp_errinfo *info)
{
    struct hp_buf text;
    char path[sizeof process->drop.path + 16];
    hp_err err = check_store(asking, process, info);
    err = err == HP_OK ? hp_drop_open(&process->drop, process->target, info) : err;
    if (err != HP_OK) {
        return err;
    }
    hp_buf_init(&text, SCRIPT_BYTES);
    put_script(asking, process, &text);
    err = text.err;
    if (err == HP_OK) {
        err = hp_drop_put(&process->drop, process->target, hp_buf_str(&text), info);
    }
    if (err == HP_OK) {
        snprintf(path, sizeof path, "%s/start.py", process->drop.path);
        err = hp_inject_ask(process->target, path, info);
    }
    hp_buf_fini(&text);
    if (err != HP_OK) {
        hp_drop_close(&process->drop);
    }
    return err;
}

static void fill_title(struct process *process)
{
    struct hp_buf text;
    hp_buf_init(&text, 256);
    hp_proc_command(hp_target_dir(process->target), 60, &text);
    snprintf(process->title, sizeof process->title, "%.*s (%ld)", (int)text.len, (const char *)text.data,
             (long)process->pid);
    hp_buf_fini(&text);
}

static void settle(struct process *process, enum state state, const char *said)
{
    process->state = state;
    snprintf(process->said, sizeof process->said, "%s", said);
    hp_drop_close(&process->drop);
    hp_target_close(process->target);
    process->target = NULL;
}

/* Ask one more. A child that is no CPython is passed over. */
static hp_err ask(struct asking *asking, pid_t pid, bool child, struct hp_errinfo *info)
{
    struct process *process = &asking->processes[asking->count];
    *process = (struct process){.pid = pid, .drop = {.above = -1, .folder = -1}};
    hp_err err = hp_target_open(pid, asking->dict, (struct hp_codes_place){0}, &process->target, info);
    if (err != HP_OK) {
        return child && err != HP_ENOMEM ? HP_OK : err;
    }
    asking->count++;
    fill_title(process);
    err = drop_and_ask(asking, process, info);
    if (err != HP_OK) {
        settle(process, FAILED, info->text[0] != '\0' ? info->text : hp_err_text(err));
    }
    return HP_OK;
}

/* The process given, and what it has started. One that is no CPython itself will do if a child is. */
static hp_err ask_all(struct asking *asking, struct hp_errinfo *info)
{
    const struct hp_attached *on = asking->inside->on;
    pid_t found[HP_SAMPLER_PROCESSES - 1];
    struct hp_errinfo unsaid = {0};
    int dir;
    hp_err first = ask(asking, on->pid, false, info);
    if ((first != HP_OK && first != HP_EFOREIGN) || on->no_children || hp_proc_open(on->pid, &dir) != HP_OK) {
        return first;
    }
    size_t count = hp_proc_descendants(dir, on->pid, found, sizeof found / sizeof *found);
    hp_err err = HP_OK;
    for (size_t i = 0; i < count && err == HP_OK; i++) {
        unsaid.text[0] = '\0';
        err = ask(asking, found[i], true, &unsaid);
    }
    close(dir);
    return err != HP_OK ? err : asking->count == 0 ? first : HP_OK;
}

/* ---- answers ---- */

/* Whether it has answered; what it said is kept. */
static bool take_answer(struct process *process)
{
    struct hp_buf text;
    hp_buf_init(&text, HP_DROP_ANSWER_BYTES + 1);
    hp_err err = hp_drop_answer(&process->drop, &text);
    hp_buf_put_u8(&text, '\0');
    bool has = err == HP_OK && text.err == HP_OK && text.len > 1;
    if (has) {
        settle(process, text.data[0] == '+' ? RECORDS : FAILED, (const char *)text.data + 1);
    } else if (err != HP_ENOTFOUND && err != HP_OK) {
        settle(process, FAILED, "its answer cannot be read");
    }
    hp_buf_fini(&text);
    return process->state != WAITING;
}

static void give_up(struct process *process)
{
    bool taken = false;
    hp_err err = hp_inject_withdraw(process->target, &taken);
    settle(process, FAILED,
           err == HP_ENOTFOUND ? "ended before it began"
           : taken             ? "has begun, but did not say how it went"
                   : "its main thread ran no Python code in this time; the request is taken back");
}

/* One look at a process that has not answered. */
static void look(struct process *process, bool over, bool remind)
{
    if (take_answer(process)) {
        return;
    }
    if (over) {
        give_up(process);
    } else if (remind && hp_inject_remind(process->target) == HP_ENOTFOUND) {
        settle(process, FAILED, "ended before it began");
    }
}

static void wait_for_answers(struct asking *asking)
{
    const struct timespec poll = {.tv_nsec = POLL_NS};
    size_t left = asking->count;
    for (unsigned polls = 1; left != 0; polls++) {
        bool over = hp_attached_is_over(asking->inside->on);
        left = 0;
        for (size_t i = 0; i < asking->count; i++) {
            struct process *process = &asking->processes[i];
            if (process->state == WAITING) {
                look(process, over, polls % REMIND_POLLS == 0);
            }
            left += process->state == WAITING;
        }
        if (left != 0) {
            nanosleep(&poll, NULL);
        }
    }
}

/* ---- telling ---- */

static int tell_json(const struct asking *asking, struct hp_buf *out)
{
    struct hp_json json;
    hp_json_init(&json, out, true);
    hp_json_object_begin(&json);
    hp_json_kv_u64(&json, "schema", 1);
    hp_json_kv_i64(&json, "pid", asking->inside->on->pid);
    hp_json_kv_cstr(&json, "store", asking->store);
    hp_json_key(&json, "processes");
    hp_json_array_begin(&json);
    for (size_t i = 0; i < asking->count; i++) {
        const struct process *process = &asking->processes[i];
        hp_json_object_begin(&json);
        hp_json_kv_i64(&json, "pid", process->pid);
        hp_json_kv_cstr(&json, "process", process->title);
        hp_json_kv_bool(&json, "recording", process->state == RECORDS);
        hp_json_kv_cstr(&json, "message", process->said);
        hp_json_object_end(&json);
    }
    hp_json_array_end(&json);
    hp_json_object_end(&json);
    return hp_output_json_end(&json, out);
}

static int tell(const struct asking *asking, struct hp_buf *out)
{
    size_t records = 0, failed = asking->count;
    for (size_t i = asking->count; i > 0; i--) {
        records += asking->processes[i - 1].state == RECORDS;
        failed = asking->processes[i - 1].state == FAILED ? i - 1 : failed;
    }
    if (records == 0 && failed < asking->count) {
        return hp_output_fail("%s: %s", asking->processes[failed].title, asking->processes[failed].said);
    }
    if (asking->inside->on->json) {
        return tell_json(asking, out);
    }
    for (size_t i = 0; i < asking->count; i++) {
        const struct process *process = &asking->processes[i];
        if (process->state == RECORDS) {
            hp_output_text(out, hp_str_from0(process->title));
            hp_buf_put_text(out, HP_STR(": "));
            hp_output_text(out, hp_str_from0(process->said));
            hp_buf_put_u8(out, '\n');
        } else {
            hp_output_note("%s: %s", process->title, process->said);
        }
    }
    return out->err == HP_OK ? HP_EXIT_OK : hp_output_error(out->err, NULL);
}

int hp_inside_start(const struct hp_inside *inside, struct hp_buf *out)
{
    struct hp_errinfo info = {0};
    struct asking asking = {.inside = inside};
    hp_err err = hp_storepath_find(inside->store, true, asking.store, &info);
    if (err != HP_OK) {
        return hp_output_error(err, &info);
    }
    asking.processes = hp_calloc(HP_SAMPLER_PROCESSES, sizeof *asking.processes);
    asking.dict = hp_dict_new();
    err = asking.processes == NULL || asking.dict == NULL ? HP_ENOMEM : HP_OK;
    if (err == HP_OK) {
        hp_attached_begin(inside->on);
        err = ask_all(&asking, &info);
        wait_for_answers(&asking);
    }
    int status = err != HP_OK ? hp_output_error(err, &info) : tell(&asking, out);
    hp_dict_free(asking.dict);
    hp_free(asking.processes);
    return status;
}
