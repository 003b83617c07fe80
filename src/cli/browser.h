/* browser.h -- bringing a page before somebody's eyes: a browser where there is a display, else one delivery
 * over loopback. */
#ifndef HP_BROWSER_H
#define HP_BROWSER_H

#include <stdbool.h>
#include <stdint.h>
#include "base/str.h"
#include "hotplate/err.h"

/* Whether a browser could show something: a Wayland or X display, or $BROWSER. */
bool hp_browser_possible(void);

/* Start the browser on a file or address and do not wait for it: $BROWSER, else xdg-open, else what Debian
 * calls a browser. False: none of them is there. */
bool hp_browser_start(const char *what);

/* Deliver a page once on 127.0.0.1, at an address that cannot be guessed, then return. `port` 0: any.
 * `announce` is called with the address before anybody is waited for. Requests for anything else are refused
 * and do not count. Waits until somebody came, or a signal ends the process. Fails: HP_EIO with a line. */
HP_CHECK hp_err hp_browser_serve(struct hp_str page, uint16_t port, void (*announce)(const char *address),
                                 struct hp_errinfo *info);

#endif
