/* fuzz_api.c -- libFuzzer over hp_api_answer: method, target, headers and body from the input, a small store
 * behind it.
 *
 * The input is split at NUL bytes: method, path?query, then header names and values in turn, and a last odd
 * part is the body.
 */
#include "ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hp_str next_part(struct hp_str *rest)
{
    size_t end = hp_str_find_char(*rest, '\0');
    struct hp_str part = hp_str_make(rest->p, end);
    size_t skip = end < rest->n ? end + 1 : end;
    *rest = hp_str_make(rest->p + skip, rest->n - skip);
    return part;
}

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check(const struct hp_api_response *response)
{
    require(response->status >= 200 && response->status < 600 && response->body.err == HP_OK);
    for (size_t i = 0; i < response->header_count; i++) {
        struct hp_str value = response->headers[i].value;
        for (size_t k = 0; k < value.n; k++) {
            require(value.p[k] != '\r' && value.p[k] != '\n');
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ask ask;
    struct hp_api_header headers[8];
    struct hp_str rest = hp_str_make((const char *)data, size);
    if (ask.api == NULL) {
        ask_begin(&ask, (struct hp_api_config){.keep = true}, 40);
    }
    struct hp_api_request request = {.method = next_part(&rest), .headers = headers, .loopback = true};
    struct hp_str target = next_part(&rest);
    size_t path = hp_str_find_char(target, '?');
    request.path = hp_str_make(target.p, path);
    request.query = path < target.n ? hp_str_make(target.p + path + 1, target.n - path - 1) : request.query;
    for (; request.header_count < 7 && rest.n != 0; request.header_count++) {
        headers[request.header_count].name = next_part(&rest);
        headers[request.header_count].value = next_part(&rest);
    }
    request.body = rest;
    request.granted = size % 2 != 0 ? HP_API_WRITER : HP_API_NOBODY;
    struct hp_api_response response;
    hp_api_answer(ask.api, &request, &response);
    check(&response);
    hp_api_response_fini(&response);
    return 0;
}
