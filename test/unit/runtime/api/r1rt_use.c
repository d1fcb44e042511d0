/* The C interface, used from C as a stranger would. Returns NULL, or what went wrong. */
#include "test/unit/runtime/api/r1rt_use.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/api/r1rt.h"

#define EXPECT(condition)                                                                                                  \
  do {                                                                                                                     \
    if (!(condition)) {                                                                                                    \
      static char where[512];                                                                                              \
      snprintf(where, sizeof where, "line %d: %s (%s)", __LINE__, #condition, r1_model_error(model));                      \
      return where;                                                                                                        \
    }                                                                                                                      \
  } while (0)

struct collected {
  char text[4096];
  size_t bytes;
  int calls, stop_after;
};

static int32_t collect(void* user, const char* text, size_t bytes, int32_t thinking) {
  struct collected* c = user;
  (void)thinking;
  memcpy(c->text + c->bytes, text, bytes);
  c->bytes += bytes;
  return ++c->calls == c->stop_after;
}

const char* use_r1rt(const char* path) {
  r1_model* model = NULL;
  r1_session* session = NULL;
  r1_model_options options;
  r1_model_info info;
  const char *text, *role = "user", *content = "hi";
  const int32_t* ids;
  size_t bytes, count;
  int32_t a, b;

  EXPECT(r1_version() == R1RT_VERSION);
  EXPECT(r1_model_open("/no/such/file", NULL, &model) == R1_NOT_FOUND);
  EXPECT(strstr(r1_model_error(model), "/no/such/file"));
  EXPECT(r1_session_open(model, &session) == R1_INVALID_ARGUMENT && !session);
  r1_model_close(model);

  r1_model_options_init(&options);
  options.threads = 2;
  EXPECT(r1_model_open(path, &options, &model) == R1_OK);
  info.size = sizeof info;
  EXPECT(r1_model_get_info(model, &info) == R1_OK);
  EXPECT(info.vocab_size == 320 && info.threads == 2 && info.has_text && info.has_chat_template);
  EXPECT(!strcmp(info.target, "cpu:x86-64"));

  EXPECT(r1_render(model, &role, &content, 1, 1, &text, &bytes) == R1_OK);
  EXPECT(bytes == 19 && !memcmp(text, "[user]hi[assistant]", 19));
  EXPECT(r1_encode(model, "hi", 2, 0, &ids, &count) == R1_OK);
  EXPECT(count == 2 && ids[0] == 'h' && ids[1] == 'i');
  EXPECT(r1_decode(model, ids, count, 0, &text, &bytes) == R1_OK && bytes == 2 && text[1] == 'i');

  EXPECT(r1_session_open(model, &session) == R1_OK);
  {
    r1_session* second;
    EXPECT(r1_session_open(model, &second) == R1_INVALID_ARGUMENT);
  }
  EXPECT(r1_sequence_open(session, &a) == R1_OK && r1_sequence_open(session, &b) == R1_OK);
  {
    int32_t prompt[] = {5, 6, 7}, bad = 320, both[2], next[] = {8, 8};
    float* one = malloc(320 * sizeof(float));
    float* two = malloc(2 * 320 * sizeof(float));
    both[0] = b, both[1] = a;
    EXPECT(r1_prefill(session, a, prompt, 3, one) == R1_OK && r1_prefill(session, b, prompt, 2, NULL) == R1_OK);
    EXPECT(r1_prefill(session, a, &bad, 1, NULL) == R1_INVALID_ARGUMENT && strstr(r1_session_error(session), "320"));
    next[0] = 7; /* b: 5 6 7, as a was */
    EXPECT(r1_step(session, both, next, 2, two) == R1_OK);
    EXPECT(!memcmp(one, two, 320 * sizeof(float)) && memcmp(two, two + 320, 320 * sizeof(float)));
    EXPECT(r1_sequence_length(session, a) == 4 && r1_sequence_length(session, 99) == -1);
    EXPECT(r1_sequence_truncate(session, a, 5) == R1_INVALID_ARGUMENT);
    EXPECT(r1_sequence_close(session, b) == R1_OK && r1_sequence_close(session, b) == R1_INVALID_ARGUMENT);
    free(one), free(two);
  }
  {
    struct collected c = {{0}, 0, 0, 0};
    int32_t prompt[] = {'x'};
    r1_generate_options g;
    r1_generated done;
    r1_generate_options_init(model, &g);
    g.max_tokens = 10;
    done.size = sizeof done;
    EXPECT(r1_generate(session, a, prompt, 1, &g, collect, &c, &done) == R1_OK);
    EXPECT(done.reason == R1_MAX_TOKENS && done.tokens == 10 && c.bytes > 0);
    c.calls = 0, c.stop_after = 1;
    EXPECT(r1_generate(session, a, prompt, 1, &g, collect, &c, NULL) == R1_CANCELLED);
    g.top_p = 7;
    EXPECT(r1_generate(session, a, prompt, 1, &g, NULL, NULL, NULL) == R1_INVALID_ARGUMENT);
    r1_session_cancel(session);
    EXPECT(r1_prefill(session, a, prompt, 1, NULL) == R1_CANCELLED);
    r1_session_resume(session);
    EXPECT(r1_prefill(session, a, prompt, 1, NULL) == R1_OK);
  }
  r1_session_close(session);
  r1_model_close(model);
  r1_model_close(NULL);
  return NULL;
}
