/* gil.c -- where the interpreter's lock and its runtime are. Apart from the rest, because only this looks
 * into whole interpreter structures. */
#define HP_WANT_INTERPRETER
#include "ext.h"

#include "hotplate/ext/waits.h"

void hp_gil_watch(void)
{
    struct hp_gil gil = hp_gil_of(PyInterpreterState_Get());
    hp_waits_gil(gil.low, gil.bytes, gil.released, gil.locked);
}

const void *hp_runtime_address(void)
{
    return &_PyRuntime;
}
