/* watch.h -- a small process beside the command of `hotplate run` that says why nothing is recorded, if
 * nothing is.
 *
 * The command keeps our pid (it is exec'ed), so whoever waits for it has to be somebody else: a grandchild
 * that holds nothing of the command but stderr. It reads the marker file, into which the interpreters of the
 * command append a line each when they start, when they import Flask, or when they cannot import Hotplate. It
 * goes away as soon as Flask was seen, when the command has ended, or after ten seconds.
 */
#ifndef HP_WATCH_H
#define HP_WATCH_H

#include "hotplate/err.h"

/* Fork the watcher of this process. Returns a descriptor that exec closes: when exec fails, write one byte
 * into it, and the watcher says nothing. -1: there is no watcher (not a reason to stop). `command`: its first
 * word, for the line. */
int hp_watch_start(const char *marker, const char *command);

/* What to say about a marker file's content (NUL-terminated), one line without newline; `ended`: the command
 * has. Empty: Flask was seen. */
void hp_watch_verdict(const char *content, const char *command, int ended, char *line, unsigned long n);

#endif
