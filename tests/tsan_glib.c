/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tells ThreadSanitizer how GLib and GStreamer take turns. Their locks are futexes and their reference counts
 * atomics of libraries that were built without it: it sees neither, and would report every use of them as a
 * race. Preloaded in front of them, these functions do what the real ones do, and say what happened before
 * what. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <gst/gst.h>

void __tsan_acquire(void* address) __attribute__((weak));
void __tsan_release(void* address) __attribute__((weak));

/* Programs that a test starts have no ThreadSanitizer to tell. */
static void acquire(void* address) {
  if (__tsan_acquire) __tsan_acquire(address);
}
static void release(void* address) {
  if (__tsan_release) __tsan_release(address);
}

#define REAL(name)                                                        \
  static __typeof__(&name) real;                                          \
  if (real == NULL) {                                                     \
    void* symbol = dlsym(RTLD_NEXT, #name);                               \
    __atomic_store(&real, (__typeof__(&name)*)&symbol, __ATOMIC_RELAXED); \
  }

#define LOCK(name, type)  \
  void name(type* lock);  \
  void name(type* lock) { \
    REAL(name)            \
    real(lock);           \
    acquire(lock);        \
  }
#define TRYLOCK(name, type)        \
  gboolean name(type* lock);       \
  gboolean name(type* lock) {      \
    REAL(name)                     \
    if (!real(lock)) return FALSE; \
    acquire(lock);                 \
    return TRUE;                   \
  }
#define UNLOCK(name, type) \
  void name(type* lock);   \
  void name(type* lock) {  \
    REAL(name)             \
    release(lock);         \
    real(lock);            \
  }

LOCK(g_mutex_lock, GMutex)
TRYLOCK(g_mutex_trylock, GMutex)
UNLOCK(g_mutex_unlock, GMutex)
LOCK(g_rec_mutex_lock, GRecMutex)
TRYLOCK(g_rec_mutex_trylock, GRecMutex)
UNLOCK(g_rec_mutex_unlock, GRecMutex)
LOCK(g_rw_lock_reader_lock, GRWLock)
UNLOCK(g_rw_lock_reader_unlock, GRWLock)
LOCK(g_rw_lock_writer_lock, GRWLock)
UNLOCK(g_rw_lock_writer_unlock, GRWLock)

/* Waiting lets go of the lock and takes it again. */
void g_cond_wait(GCond* cond, GMutex* mutex) {
  REAL(g_cond_wait)
  release(mutex);
  real(cond, mutex);
  acquire(mutex);
}

gboolean g_cond_wait_until(GCond* cond, GMutex* mutex, gint64 end) {
  REAL(g_cond_wait_until)
  release(mutex);
  gboolean signalled = real(cond, mutex, end);
  acquire(mutex);
  return signalled;
}

/* What is in a queue is handed over with all that was done to it. */
void g_async_queue_push(GAsyncQueue* queue, gpointer data) {
  REAL(g_async_queue_push)
  release(queue);
  real(queue, data);
}

#define POP(name, parameters, arguments) \
  gpointer name parameters {             \
    REAL(name)                           \
    gpointer data = real arguments;      \
    acquire(queue);                      \
    return data;                         \
  }
POP(g_async_queue_pop, (GAsyncQueue * queue), (queue))
POP(g_async_queue_try_pop, (GAsyncQueue * queue), (queue))
POP(g_async_queue_timeout_pop, (GAsyncQueue * queue, guint64 microseconds), (queue, microseconds))

/* Whoever lets go last frees what all others have let go of before. */
void gst_mini_object_unref(GstMiniObject* object) {
  REAL(gst_mini_object_unref)
  release(object);
  acquire(object);
  real(object);
}

void g_object_unref(gpointer object) {
  REAL(g_object_unref)
  release(object);
  acquire(object);
  real(object);
}

void gst_object_unref(gpointer object) {
  REAL(gst_object_unref)
  release(object);
  acquire(object);
  real(object);
}

/* A writable object is the caller's alone from here on. */
gboolean gst_mini_object_is_writable(const GstMiniObject* object) {
  REAL(gst_mini_object_is_writable)
  gboolean writable = real(object);
  if (writable) acquire((void*)object);
  return writable;
}
