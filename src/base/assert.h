/* assert.h -- hp_assert: checks of our own preconditions and invariants.
 *
 * Why: a broken precondition is a mistake of ours and must stop a test at the place where it happened, but a
 * release build inside the user's process never aborts. So the check is on in dev, sanitizer and fuzz builds
 * (HP_ASSERT=1) and elsewhere costs nothing; the condition is then still type-checked, never evaluated. Never
 * for input, I/O or memory.
 */
#ifndef HP_ASSERT_H
#define HP_ASSERT_H

#if defined(HP_ASSERT) && HP_ASSERT
/* Print where `condition` was false and abort. Exists in HP_ASSERT builds only; call it through hp_assert. */
_Noreturn void hp_assert_fail(const char *condition, const char *file, int line);
#define hp_assert(cond) ((cond) ? (void)0 : hp_assert_fail(#cond, __FILE__, __LINE__))
#else
#define hp_assert(cond) ((void)sizeof((cond) ? 1 : 0))
#endif

#endif
