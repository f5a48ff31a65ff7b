/* SPDX-License-Identifier: MIT
 *
 * c11_threads - for ThreadSanitizer only: <threads.h> in the words of pthreads.
 *
 * librdkafka starts its threads and takes its locks by C11's functions.  gcc's and clang's
 * ThreadSanitizer know the pthread ones only: a thread that thrd_create() started has no
 * state there and ends the program in its first malloc(), and what mtx_lock() guards looks
 * like a race.  A program that is linked with this file puts these in the place of libc's;
 * glibc's mtx_t and cnd_t are its pthread types.
 *
 * Its read-write locks are pthread's, but tsan.supp tells ThreadSanitizer not to look at
 * what the library calls, which it takes for these calls too: what they guard (the list of
 * brokers, say) then looks like a race now and then.  So they are called from here.
 */
#include "tests/support/c11_threads.h"

#ifdef CDC_TSAN
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "mtx_t is a pthread_mutex_t");
_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "cnd_t is a pthread_cond_t");

static int c11_threads_result(int code)
{
    switch (code) {
    case 0:
        return thrd_success;
    case EBUSY:
        return thrd_busy;
    case ETIMEDOUT:
        return thrd_timedout;
    case ENOMEM:
        return thrd_nomem;
    default:
        return thrd_error;
    }
}

struct c11_threads_start {
    thrd_start_t fn;
    void *arg;
};

static void *c11_threads_main(void *start)
{
    struct c11_threads_start mine = *(struct c11_threads_start *)start;
    free(start);
    return (void *)(intptr_t)mine.fn(mine.arg);
}

int thrd_create(thrd_t *thread, thrd_start_t fn, void *arg)
{
    struct c11_threads_start *start = malloc(sizeof(*start));
    if (!start)
        return thrd_nomem;
    *start = (struct c11_threads_start){fn, arg};
    int code = pthread_create(thread, NULL, c11_threads_main, start);
    if (code)
        free(start);
    return c11_threads_result(code);
}

int thrd_join(thrd_t thread, int *out)
{
    void *result = NULL;
    int code = pthread_join(thread, &result);
    if (!code && out)
        *out = (int)(intptr_t)result;
    return c11_threads_result(code);
}

int thrd_detach(thrd_t thread)
{
    return c11_threads_result(pthread_detach(thread));
}

int mtx_init(mtx_t *mutex, int type)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, type & mtx_recursive ? PTHREAD_MUTEX_RECURSIVE
                                                          : PTHREAD_MUTEX_NORMAL);
    int code = pthread_mutex_init((pthread_mutex_t *)mutex, &attr);
    pthread_mutexattr_destroy(&attr);
    return c11_threads_result(code);
}

void mtx_destroy(mtx_t *mutex)
{
    pthread_mutex_destroy((pthread_mutex_t *)mutex);
}

int mtx_lock(mtx_t *mutex)
{
    return c11_threads_result(pthread_mutex_lock((pthread_mutex_t *)mutex));
}

int mtx_trylock(mtx_t *mutex)
{
    return c11_threads_result(pthread_mutex_trylock((pthread_mutex_t *)mutex));
}

int mtx_unlock(mtx_t *mutex)
{
    return c11_threads_result(pthread_mutex_unlock((pthread_mutex_t *)mutex));
}

int cnd_init(cnd_t *cond)
{
    return c11_threads_result(pthread_cond_init((pthread_cond_t *)cond, NULL));
}

void cnd_destroy(cnd_t *cond)
{
    pthread_cond_destroy((pthread_cond_t *)cond);
}

int cnd_signal(cnd_t *cond)
{
    return c11_threads_result(pthread_cond_signal((pthread_cond_t *)cond));
}

int cnd_broadcast(cnd_t *cond)
{
    return c11_threads_result(pthread_cond_broadcast((pthread_cond_t *)cond));
}

int cnd_wait(cnd_t *cond, mtx_t *mutex)
{
    return c11_threads_result(
        pthread_cond_wait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex));
}

int cnd_timedwait(cnd_t *cond, mtx_t *mutex, const struct timespec *until)
{
    return c11_threads_result(
        pthread_cond_timedwait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex, until));
}

/* ThreadSanitizer's own. */
int __interceptor_pthread_rwlock_rdlock(pthread_rwlock_t *lock);
int __interceptor_pthread_rwlock_wrlock(pthread_rwlock_t *lock);
int __interceptor_pthread_rwlock_unlock(pthread_rwlock_t *lock);

int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    return __interceptor_pthread_rwlock_rdlock(lock);
}

int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    return __interceptor_pthread_rwlock_wrlock(lock);
}

int pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
    return __interceptor_pthread_rwlock_unlock(lock);
}
#endif

void c11_threads_linked(void)
{
}
