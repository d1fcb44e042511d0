/* The C interface of r1c's runtime: open an artifact, run sequences, sample text.
 *
 * Ownership   A function that gives a handle out makes the caller its owner, who closes it with the function named _close.
 *             A model outlives its sessions. Strings and arrays that are passed in are copied before the call returns;
 *             those that come out belong to the handle they came from, and live until its next call or its end.
 * Threads     Different models may be used by different threads at once. A model and its sessions are one thing: one thread
 *             at a time, except r1_session_cancel, which any thread or signal handler may call.
 * Errors      Every function that can fail returns an r1_code; r1_model_error or r1_session_error has the line of text.
 *             Nothing throws, exits or aborts.
 * Versions    R1RT_VERSION grows when something is added; a structure that may grow begins with `size`, which its init
 *             function sets, so programs built against an older header keep working.
 */
#ifndef R1RT_H
#define R1RT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define R1RT_VERSION 1
#define R1RT_API __attribute__((visibility("default")))

/* The version of the library, R1RT_VERSION of the header it was built with. */
R1RT_API uint32_t r1_version(void);

typedef enum r1_code {
  R1_OK = 0,
  R1_INVALID_ARGUMENT = 1, /* the caller passed something that no artifact would accept */
  R1_NOT_FOUND = 2,
  R1_CORRUPT = 3,     /* bytes that contradict themselves or their hash */
  R1_VERSION = 4,     /* written by a newer r1c */
  R1_UNSUPPORTED = 5, /* sound, but not on this machine */
  R1_OUT_OF_MEMORY = 6,
  R1_IO = 7,
  R1_CONTEXT_FULL = 8,
  R1_CANCELLED = 9,
  R1_DEVICE = 10,
  R1_INTERNAL = 11 /* a defect of the runtime */
} r1_code;

/* ---- Models */

typedef struct r1_model r1_model;

typedef struct r1_model_options {
  size_t size;
  const char* target; /* NULL: the best target that this machine runs */
  int32_t threads;    /* 0: one for each core */
  uint32_t sequences; /* how many full sequences the cache has room for; 0: as many as the artifact allows */
  int64_t context;    /* tokens of each; 0: as many as the artifact allows, more is an error */
  uint64_t memory_limit;  /* bytes; 0: what the system has available */
  int32_t map_weights;    /* 1: map the file instead of reading it into huge pages */
  int32_t verify_weights; /* 1: check the hash of the weights, however large, before use */
} r1_model_options;

R1RT_API void r1_model_options_init(r1_model_options* options);

/* Opens an artifact. `options` may be NULL. *model is set also where this fails (NULL only where memory is short), so
 * that r1_model_error can tell why; close it in any case. */
R1RT_API r1_code r1_model_open(const char* path, const r1_model_options* options, r1_model** model);
R1RT_API void r1_model_close(r1_model* model);              /* NULL is fine */
R1RT_API const char* r1_model_error(const r1_model* model); /* of the last call that failed; never NULL */

typedef struct r1_model_info {
  size_t size;
  const char *name, *model_type, *target; /* live as long as the model */
  int32_t vocab_size, max_context, max_batch, prefill_chunk, threads;
  int32_t has_text, has_chat_template;
} r1_model_info;

/* Set info->size = sizeof *info first. */
R1RT_API r1_code r1_model_get_info(const r1_model* model, r1_model_info* info);

/* Text to ids and back. *ids and *text belong to the model, until its next call. Text is UTF-8 of so many bytes. */
R1RT_API r1_code r1_encode(r1_model* model, const char* text, size_t bytes, int32_t add_special,
                           const int32_t** ids, size_t* count);
R1RT_API r1_code r1_decode(r1_model* model, const int32_t* ids, size_t count, int32_t skip_special,
                           const char** text, size_t* bytes);
/* Renders a conversation, two arrays of `count` strings, by the artifact's chat template. */
R1RT_API r1_code r1_render(r1_model* model, const char* const* roles, const char* const* contents,
                           size_t count, int32_t add_generation_prompt, const char** text, size_t* bytes);

/* ---- Sessions: sequences of tokens in the model's cache. One session a model at a time. */

typedef struct r1_session r1_session;

R1RT_API r1_code r1_session_open(r1_model* model, r1_session** session);
R1RT_API void r1_session_close(r1_session* session); /* NULL is fine */
R1RT_API const char* r1_session_error(const r1_session* session);

R1RT_API r1_code r1_sequence_open(r1_session* session, int32_t* sequence);
R1RT_API r1_code r1_sequence_close(r1_session* session, int32_t sequence);
R1RT_API int64_t r1_sequence_length(const r1_session* session, int32_t sequence); /* -1: not open */
R1RT_API r1_code r1_sequence_truncate(r1_session* session, int32_t sequence, int64_t length);

/* Appends `count` tokens to a sequence. `logits`, vocab_size floats or NULL, gets the row of the last one.
 * R1_CONTEXT_FULL: they do not fit, nothing has changed. */
R1RT_API r1_code r1_prefill(r1_session* session, int32_t sequence, const int32_t* ids, size_t count,
                            float* logits);
/* Appends one token to each of `count` different sequences. `logits` gets count rows of vocab_size floats. */
R1RT_API r1_code r1_step(r1_session* session, const int32_t* sequences, const int32_t* ids, size_t count,
                         float* logits);
/* The running call, and every later one until r1_session_resume, ends with R1_CANCELLED. Any thread, or a signal handler. */
R1RT_API void r1_session_cancel(r1_session* session);
R1RT_API void r1_session_resume(r1_session* session);

/* ---- Text from a prompt */

typedef struct r1_generate_options {
  size_t size;
  float temperature; /* 0: greedy */
  float top_p;
  int32_t top_k; /* 0: all */
  uint64_t seed;
  int64_t max_tokens;      /* 0: until the context is full */
  const char* const* stop; /* strings that end the text */
  size_t stop_count;
  int32_t ignore_end; /* 1: do not end at the model's end-of-text ids */
  int32_t thinking;   /* 1: the prompt ends inside <think> */
} r1_generate_options;

/* Sets the defaults that the model's makers chose. */
R1RT_API void r1_generate_options_init(const r1_model* model, r1_generate_options* options);

/* Gets whole characters as they come, `thinking` 1 for what lies between <think> and </think>, both included.
 * Anything but 0 ends generation with R1_CANCELLED. */
typedef int32_t (*r1_text_callback)(void* user, const char* text, size_t bytes, int32_t thinking);

typedef enum r1_stop_reason {
  R1_END_OF_TEXT = 0,
  R1_STOP_STRING = 1,
  R1_MAX_TOKENS = 2,
  R1_STOPPED_CONTEXT_FULL = 3,
  R1_STOPPED_CANCELLED = 4
} r1_stop_reason;

typedef struct r1_generated {
  size_t size;
  r1_stop_reason reason;
  int64_t tokens;
  double prefill_seconds, decode_seconds;
} r1_generated;

/* Appends the prompt's ids to the sequence and generates. `options`, `callback` and `result` may be NULL; set
 * result->size = sizeof *result first. */
R1RT_API r1_code r1_generate(r1_session* session, int32_t sequence, const int32_t* ids, size_t count,
                             const r1_generate_options* options, r1_text_callback callback, void* user,
                             r1_generated* result);

#ifdef __cplusplus
}
#endif
#endif
