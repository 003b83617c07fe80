/* cmd_live.c -- `hotplate live PID`: where a running process spends its time, as top shows it, second by
 * second.
 *
 * On a terminal: the alternate screen, keys without Enter; whatever ends us, the terminal is as it was.
 * Elsewhere: a block of plain lines a second.
 */
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/attached.h"
#include "cli/command.h"
#include "cli/hot.h"
#include "cli/output.h"

#define REFRESH_NS  1000000000u
#define KEY_NS      100000000u /* how often keys are looked at */
#define PLAIN_LINES 10u

static const char help[] = "hotplate live PID [--rate 100] [--mode wall|cpu|gil] [--no-children]\n"
                           "\n"
                           "Functions of a running CPython 3.11 to 3.15 by time, second by second, from\n"
                           "outside; children are included. --for TIME ends it.\n"
                           "Keys: q quits, s sorts by own time, t by total time, r starts anew, space\n"
                           "holds the picture. Without a terminal: plain lines a second.\n";

struct live {
    struct hp_attached on;
    bool screen, held, quit;
    struct termios before;
    struct hp_hot_options hot;
};

static void send(const char *text)
{
    hp_err lost = hp_output_flush(STDOUT_FILENO, hp_str_from0(text));
    (void)lost; /* a terminal that has gone ends us by SIGHUP */
}

static void enter_screen(struct live *live)
{
    struct termios raw;
    live->screen =
        isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &live->before) == 0;
    if (!live->screen) {
        return;
    }
    raw = live->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO); /* signals stay: Ctrl-C ends us in an orderly way */
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    send("\x1b[?1049h\x1b[?25l");
}

static void leave_screen(struct live *live)
{
    if (live->screen) {
        send("\x1b[?25h\x1b[?1049l");
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &live->before);
        live->screen = false;
    }
}

static void take_keys(struct live *live)
{
    char key;
    while (live->screen && read(STDIN_FILENO, &key, 1) == 1) {
        switch (key) {
        case 'q':
        case 'Q':
            live->quit = true;
            break;
        case 's':
            live->hot.by_total = false;
            break;
        case 't':
            live->hot.by_total = true;
            break;
        case 'r':
            hp_sampler_clear(live->on.sampler);
            break;
        case ' ':
            live->held = !live->held;
            break;
        default:
            break;
        }
    }
}

/* Every line ends with "clear to the end of the line", the picture with "clear below": nothing flickers. */
static void frame_lines(const struct hp_buf *from, struct hp_buf *to)
{
    hp_buf_put_text(to, HP_STR("\x1b[H"));
    for (size_t i = 0; i < from->len; i++) {
        if (from->data[i] == '\n') {
            hp_buf_put_text(to, HP_STR("\x1b[K\r"));
        }
        hp_buf_put_u8(to, from->data[i]);
    }
    hp_buf_put_text(to, HP_STR("\x1b[J"));
}

static hp_err draw(struct live *live)
{
    struct winsize size = {0};
    struct hp_buf text, picture;
    hp_buf_init(&text, 1 << 22);
    hp_buf_init(&picture, 1 << 22);
    live->hot.limit = PLAIN_LINES;
    live->hot.width = 0;
    if (live->screen && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row != 0) {
        live->hot.limit = size.ws_row > 8 ? size.ws_row - 5u : 3u;
        live->hot.width = size.ws_col;
    }
    hp_attached_put_counts(&live->on, &text);
    if (live->screen) {
        hp_output_paint(&text, HP_PAINT_DIM,
                        HP_STR("q quit  s own time  t total time  r start anew  space hold"));
        hp_buf_put_text(&text, HP_STR("\n\n"));
    }
    hp_err err =
        hp_hot_put(hp_sampler_tree(live->on.sampler), hp_sampler_dict(live->on.sampler), &live->hot, &text);
    if (err == HP_OK && live->screen) {
        frame_lines(&text, &picture);
    } else if (err == HP_OK) {
        hp_buf_put_text(&text, HP_STR("\n"));
        hp_buf_put_text(&picture, hp_buf_str(&text));
    }
    err = err == HP_OK ? picture.err : err;
    err = err == HP_OK ? hp_output_flush(STDOUT_FILENO, hp_buf_str(&picture)) : err;
    hp_buf_fini(&picture);
    hp_buf_fini(&text);
    return err;
}

static hp_err watch(struct live *live)
{
    hp_err err = HP_OK;
    uint64_t drawn_ns = hp_clock_mono_ns();
    while (err == HP_OK && !live->quit && !hp_attached_is_over(&live->on)) {
        err = hp_attached_sample(&live->on, hp_clock_mono_ns() + KEY_NS);
        take_keys(live);
        if (err == HP_OK && !live->held && hp_clock_mono_ns() - drawn_ns >= REFRESH_NS) {
            drawn_ns = hp_clock_mono_ns();
            err = draw(live);
        }
    }
    return err;
}

int hp_cmd_live(int argc, char **argv, struct hp_buf *out)
{
    struct live live = {0};
    int status = hp_attached_parse(&live.on, "live", help, NULL, 0, true, UINT64_MAX, argc, argv, out);
    if (status >= 0) {
        return status;
    }
    if (live.on.json) {
        return hp_output_usage("live", "--json is for attach and dump");
    }
    status = hp_attached_open(&live.on);
    if (status >= 0) {
        return status;
    }
    enter_screen(&live);
    hp_err err = watch(&live);
    leave_screen(&live);
    if (err == HP_ENOTFOUND) {
        hp_output_note("process %ld has ended", (long)live.on.pid);
        err = HP_OK;
    }
    status = err == HP_OK ? HP_EXIT_OK : hp_output_error(err, NULL);
    hp_attached_close(&live.on);
    return status;
}
