/* gil.c -- where the interpreter's lock and its runtime are. Apart from the rest, because only this looks into whole interpreter structures. */
#define HP_WANT_INTERPRETER
#include "ext.h"

const void *hp_gil_address(size_t *bytes)
{
    return hp_gil_of(PyInterpreterState_Get(), bytes);
}

const void *hp_runtime_address(void)
{
    return &_PyRuntime;
}
