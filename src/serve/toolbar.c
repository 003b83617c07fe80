/* toolbar.c -- see hotplate/ext/toolbar.h. */
#include "hotplate/ext/toolbar.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define COMMENTS_MOST 16

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool same(struct hp_str text, const char *wanted)
{
    if (text.n != strlen(wanted)) {
        return false;
    }
    for (size_t i = 0; i < text.n; i++) {
        if (lower(text.p[i]) != wanted[i]) {
            return false;
        }
    }
    return true;
}

/* ---- the page ---- */

/* `n` without the word at the end of p[0, n); n itself when it does not end so. */
static size_t without(const char *p, size_t n, const char *word)
{
    size_t length = strlen(word);
    return n >= length && same(hp_str_make(p + n - length, length), word) ? n - length : n;
}

/* `n` without the comment at the end of p[0, n); n itself when there is none. */
static size_t without_comment(const char *p, size_t n)
{
    size_t end = without(p, n, "-->");
    for (size_t at = end; end != n && at >= 4; at--) {
        if (memcmp(p + at - 4, "<!--", 4) == 0) {
            return at - 4;
        }
        if (at < end && memcmp(p + at - 3, "-->", 3) == 0) {
            return n; /* what ended there ended an earlier one */
        }
    }
    return n;
}

static size_t without_blanks(const char *p, size_t n)
{
    for (int i = 0; i < COMMENTS_MOST; i++) {
        while (n > 0 && is_space(p[n - 1])) {
            n--;
        }
        size_t shorter = without_comment(p, n);
        if (shorter == n) {
            break;
        }
        n = shorter;
    }
    return n;
}

bool hp_toolbar_place(struct hp_span8 page, size_t *at)
{
    size_t n = without_blanks(page.p, page.n);
    size_t inner = without(page.p, n, "</html>");
    n = inner != n ? without_blanks(page.p, inner) : n;
    size_t body = without(page.p, n, "</body>");
    if (body == n) {
        return false;
    }
    *at = body;
    return true;
}

/* ---- the policy ---- */

/* What a policy says of one kind of thing. */
struct sources {
    bool given, self, strict;
    struct hp_str nonce;
};

/* The next word up to `end`; empty at the end. */
static struct hp_str next_word(struct hp_str *text)
{
    size_t from = 0, to;
    while (from < text->n && is_space(text->p[from])) {
        from++;
    }
    for (to = from; to < text->n && !is_space(text->p[to]); to++) {
    }
    struct hp_str word = hp_str_make(text->p + from, to - from);
    *text = hp_str_make(text->p + to, text->n - to);
    return word;
}

/* The part before `end`, which is taken off. */
static struct hp_str next_part(struct hp_str *text, char end)
{
    size_t n = hp_str_find_char(*text, end);
    struct hp_str part = hp_str_make(text->p, n);
    size_t taken = n < text->n ? n + 1 : n;
    *text = hp_str_make(text->p + taken, text->n - taken);
    return part;
}

/* A nonce of the letters that it may have, and no longer than we keep. */
static bool is_nonce(struct hp_str word)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=";
    if (word.n == 0 || word.n >= HP_TOOLBAR_NONCE) {
        return false;
    }
    for (size_t i = 0; i < word.n; i++) {
        if (word.p[i] == '\0' || strchr(letters, word.p[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static void read_sources(struct hp_str words, struct sources *sources)
{
    *sources = (struct sources){.given = true};
    for (struct hp_str word = next_word(&words); word.n != 0; word = next_word(&words)) {
        if (same(word, "'self'") || same(word, "*")) {
            sources->self = true;
        } else if (same(word, "'strict-dynamic'")) {
            sources->strict = true;
        } else if (word.n > 8 && same(hp_str_make(word.p, 7), "'nonce-") && word.p[word.n - 1] == '\'' &&
                   is_nonce(hp_str_make(word.p + 7, word.n - 8))) {
            sources->nonce = hp_str_make(word.p + 7, word.n - 8);
        }
    }
}

enum { SCRIPT_ELEMENT, SCRIPT, CONNECT, DEFAULT, KINDS };

/* The first of the two, or default-src, that the policy has. */
static const struct sources *found(const struct sources kinds[KINDS], int first, int second)
{
    return kinds[first].given ? &kinds[first] : kinds[second].given ? &kinds[second] : &kinds[DEFAULT];
}

static bool lets_script(struct hp_toolbar_policy *so_far, const struct sources *script)
{
    if (script->nonce.n != 0) {
        bool other = so_far->nonce[0] != '\0' && !hp_str_eq(script->nonce, hp_str_from0(so_far->nonce));
        if (!other) {
            memcpy(so_far->nonce, script->nonce.p, script->nonce.n);
            so_far->nonce[script->nonce.n] = '\0';
            return true;
        }
    }
    return !script->given || (script->self && !script->strict);
}

static void read_policy(struct hp_toolbar_policy *so_far, struct hp_str policy)
{
    static const char *const names[KINDS] = {"script-src-elem", "script-src", "connect-src", "default-src"};
    struct sources kinds[KINDS] = {{0}};
    while (policy.n != 0) {
        struct hp_str words = next_part(&policy, ';');
        struct hp_str name = next_word(&words);
        so_far->closed |= same(name, "sandbox");
        for (int i = 0; i < KINDS; i++) {
            if (same(name, names[i]) && !kinds[i].given) { /* the first one holds */
                read_sources(words, &kinds[i]);
            }
        }
    }
    const struct sources *connect = found(kinds, CONNECT, CONNECT);
    if (!lets_script(so_far, found(kinds, SCRIPT_ELEMENT, SCRIPT)) || (connect->given && !connect->self)) {
        so_far->closed = true;
    }
}

void hp_toolbar_policy(struct hp_toolbar_policy *so_far, struct hp_span8 value)
{
    struct hp_str rest = hp_str_make(value.p, value.n);
    while (rest.n != 0) {
        read_policy(so_far, next_part(&rest, ','));
    }
}

/* ---- the element ---- */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '-' || c == '_' || c == '.' || c == '~';
}

size_t hp_toolbar_element(struct hp_span8 root, uint64_t id, const char *nonce, char *out, size_t room)
{
    static const char begin[] = "<script src=\"";
    size_t used = sizeof begin - 1;
    if (room < used + 3 * root.n + HP_TOOLBAR_NONCE + 100) {
        return 0;
    }
    memcpy(out, begin, used);
    for (size_t i = 0; i < root.n; i++) {
        if (is_plain(root.p[i])) {
            out[used++] = root.p[i];
        } else {
            out[used++] = '%';
            out[used++] = "0123456789ABCDEF"[(unsigned char)root.p[i] >> 4];
            out[used++] = "0123456789ABCDEF"[(unsigned char)root.p[i] & 15];
        }
    }
    bool bare = nonce[0] == '\0';
    int n = snprintf(out + used, room - used,
                     "toolbar.js\" defer data-request=\"%016" PRIx64 "\"%s%s%s></script>", id,
                     bare ? "" : " nonce=\"", nonce, bare ? "" : "\"");
    return used + (size_t)n;
}
