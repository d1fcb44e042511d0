#include "runtime/api/r1rt.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>

#include "runtime/program/generate.h"
#include "runtime/program/prompt.h"

using namespace r1;

struct r1_model {
  std::unique_ptr<Program> program;
  std::optional<Prompt> prompt;
  std::string error, text;
  std::vector<int32_t> ids;
  bool in_session = false;
};

struct r1_session {
  r1_model* model;
  Session session;
  std::string error;
};

namespace {

static_assert(int(Code::kInternal) == R1_INTERNAL && int(Code::kContextFull) == R1_CONTEXT_FULL);
static_assert(int(StopReason::kCancelled) == R1_STOPPED_CANCELLED);

template <class Handle> r1_code report(Handle* handle, const Status& status) {
  if (!status.ok())
    handle->error = status.message();
  return r1_code(status.code());
}

template <class Handle> r1_code misuse(Handle* handle, const char* what) {
  return report(handle, fail(Code::kInvalidArgument, "%s", what));
}

// A structure of the caller, perhaps of an older header and so shorter, with the defaults for what it lacks.
template <class T> T widen(const T* given, T defaults) {
  if (given)
    memcpy(&defaults, given, std::min(given->size, sizeof(T)));
  defaults.size = sizeof(T);
  return defaults;
}

// The other way round: as much as the caller has room for.
template <class T> void narrow(const T& full, T* out) {
  size_t size = std::min(out->size, sizeof(T));
  T copy = full;
  copy.size = out->size;
  memcpy(out, &copy, size);
}

// The prompt tools of a model, or why it has none.
Result<const Prompt*> prompt_of(r1_model* model) {
  if (!model->program)
    return fail(Code::kInvalidArgument, "the model is not open");
  if (!model->prompt) {
    R1_ASSIGN_OR_RETURN(model->prompt, Prompt::open(model->program->index()));
  }
  return &*model->prompt;
}

r1_model_options default_model_options() {
  r1_model_options o = {};
  o.size = sizeof o;
  return o;
}

r1_generate_options default_generate_options(const r1_model* model) {
  r1_generate_options o = {};
  o.size = sizeof o;
  o.top_p = 1;
  if (!model || !model->program)
    return o;
  const artifact::Generation& g = *model->program->index().generation();
  if (g.do_sample())
    o.temperature = g.temperature(), o.top_p = g.top_p(), o.top_k = g.top_k();
  return o;
}

} // namespace

uint32_t r1_version(void) { return R1RT_VERSION; }

void r1_model_options_init(r1_model_options* options) { *options = default_model_options(); }

r1_code r1_model_open(const char* path, const r1_model_options* given, r1_model** out) {
  r1_model* model = *out = new (std::nothrow) r1_model();
  if (!model)
    return R1_OUT_OF_MEMORY;
  if (!path)
    return misuse(model, "path is NULL");
  r1_model_options o = widen(given, default_model_options());
  ProgramOptions options;
  if (o.target)
    options.target = o.target;
  options.device.threads = o.threads;
  options.device.cache_sequences = o.sequences;
  options.device.cache_tokens = o.context;
  options.device.memory_limit = o.memory_limit;
  options.device.map_weights = o.map_weights != 0;
  options.device.verify_weights = o.verify_weights != 0;
  auto program = Program::open(path, options);
  if (program.ok())
    model->program = *std::move(program);
  return report(model, program.status());
}

void r1_model_close(r1_model* model) { delete model; }

const char* r1_model_error(const r1_model* model) { return model ? model->error.c_str() : "out of memory"; }

r1_code r1_model_get_info(const r1_model* model, r1_model_info* info) {
  if (!model->program)
    return R1_INVALID_ARGUMENT;
  const artifact::Model& m = model->program->model();
  const artifact::Text* text = model->program->index().text();
  r1_model_info full = {};
  full.name = m.name()->c_str();
  full.model_type = m.model_type()->c_str();
  full.target = model->program->target().name()->c_str();
  full.vocab_size = int32_t(m.vocab_size());
  full.max_context = int32_t(m.max_context());
  full.max_batch = int32_t(m.max_batch());
  full.prefill_chunk = int32_t(m.prefill_chunk());
  full.threads = model->program->device().threads();
  full.has_text = text != nullptr;
  full.has_chat_template = text && text::ChatTemplate::open(text).ok();
  narrow(full, info);
  return R1_OK;
}

r1_code r1_encode(r1_model* model, const char* text, size_t bytes, int32_t add_special, const int32_t** ids,
                  size_t* count) {
  auto prompt = prompt_of(model);
  if (!prompt.ok())
    return report(model, prompt.status());
  auto encoded = (*prompt)->tokenizer().encode({text, bytes}, {.add_special = add_special != 0});
  if (!encoded.ok())
    return report(model, encoded.status());
  model->ids = *std::move(encoded);
  *ids = model->ids.data();
  *count = model->ids.size();
  return R1_OK;
}

r1_code r1_decode(r1_model* model, const int32_t* ids, size_t count, int32_t skip_special, const char** text,
                  size_t* bytes) {
  auto prompt = prompt_of(model);
  if (!prompt.ok())
    return report(model, prompt.status());
  model->text = (*prompt)->tokenizer().decode({ids, count}, skip_special != 0);
  *text = model->text.c_str();
  *bytes = model->text.size();
  return R1_OK;
}

r1_code r1_render(r1_model* model, const char* const* roles, const char* const* contents, size_t count,
                  int32_t add_generation_prompt, const char** text, size_t* bytes) {
  auto prompt = prompt_of(model);
  if (!prompt.ok())
    return report(model, prompt.status());
  std::vector<Message> messages;
  for (size_t i = 0; i < count; ++i)
    messages.push_back({roles[i], contents[i]});
  auto rendered = (*prompt)->render(messages, add_generation_prompt != 0);
  if (!rendered.ok())
    return report(model, rendered.status());
  model->text = *std::move(rendered);
  *text = model->text.c_str();
  *bytes = model->text.size();
  return R1_OK;
}

r1_code r1_session_open(r1_model* model, r1_session** out) {
  *out = nullptr;
  if (!model->program)
    return misuse(model, "the model is not open");
  if (model->in_session)
    return misuse(model, "the model has a session already; close it first");
  *out = new (std::nothrow) r1_session{model, Session(*model->program), {}};
  if (!*out)
    return R1_OUT_OF_MEMORY;
  model->in_session = true;
  return R1_OK;
}

void r1_session_close(r1_session* session) {
  if (session)
    session->model->in_session = false;
  delete session;
}

const char* r1_session_error(const r1_session* session) { return session->error.c_str(); }

r1_code r1_sequence_open(r1_session* session, int32_t* sequence) {
  auto opened = session->session.open_sequence();
  if (opened.ok())
    *sequence = *opened;
  return report(session, opened.status());
}

r1_code r1_sequence_close(r1_session* session, int32_t sequence) {
  if (!session->session.is_open(sequence))
    return misuse(session, "the sequence is not open");
  session->session.close_sequence(sequence);
  return R1_OK;
}

int64_t r1_sequence_length(const r1_session* session, int32_t sequence) {
  return session->session.is_open(sequence) ? session->session.length(sequence) : -1;
}

r1_code r1_sequence_truncate(r1_session* session, int32_t sequence, int64_t length) {
  return report(session, session->session.truncate(sequence, length));
}

// A sink that copies rows without the padding between them.
static LogitSink copy_to(const r1_session* session, float* logits, bool by_row) {
  const artifact::Model& m = session->model->program->model();
  return [&m, logits, by_row](int64_t first, int64_t rows, const float* from) {
    for (int64_t r = 0; logits && r < rows; ++r)
      std::copy_n(from + r * m.logits_stride(), m.vocab_size(),
                  logits + (by_row ? first + r : 0) * int64_t(m.vocab_size()));
    return Status();
  };
}

r1_code r1_prefill(r1_session* session, int32_t sequence, const int32_t* ids, size_t count, float* logits) {
  Want want = logits ? Want::kLast : Want::kNone;
  return report(session,
                session->session.prefill(sequence, {ids, count}, want, copy_to(session, logits, false)));
}

r1_code r1_step(r1_session* session, const int32_t* sequences, const int32_t* ids, size_t count,
                float* logits) {
  std::vector<Session::Next> nexts(count);
  for (size_t i = 0; i < count; ++i)
    nexts[i] = {sequences[i], ids[i]};
  return report(session, session->session.decode(nexts, copy_to(session, logits, true)));
}

void r1_session_cancel(r1_session* session) { session->session.cancel(); }
void r1_session_resume(r1_session* session) { session->session.reset_cancel(); }

void r1_generate_options_init(const r1_model* model, r1_generate_options* options) {
  *options = default_generate_options(model);
}

r1_code r1_generate(r1_session* session, int32_t sequence, const int32_t* ids, size_t count,
                    const r1_generate_options* given, r1_text_callback callback, void* user,
                    r1_generated* result) {
  auto prompt = prompt_of(session->model);
  if (!prompt.ok())
    return report(session, prompt.status());
  r1_generate_options o = widen(given, default_generate_options(session->model));
  GenerateOptions options;
  options.sampling = {o.temperature, o.top_p, o.top_k, o.seed};
  options.max_tokens = o.max_tokens;
  options.thinking = o.thinking != 0;
  for (size_t i = 0; i < o.stop_count; ++i)
    options.stop.push_back(o.stop[i]);
  if (!o.ignore_end)
    for (int32_t id : *session->model->program->index().generation()->eos_tokens())
      options.end_ids.push_back(id);
  auto sink = [&](Part part, std::string_view text) {
    bool stop = callback && callback(user, text.data(), text.size(), part == Part::kThinking) != 0;
    return stop ? fail(Code::kCancelled, "the callback asked to stop") : Status();
  };
  auto generated = generate(session->session, sequence, (*prompt)->tokenizer(), {ids, count}, options, sink);
  if (!generated.ok())
    return report(session, generated.status());
  if (result)
    narrow(r1_generated{sizeof(r1_generated), r1_stop_reason(generated->reason),
                        int64_t(generated->ids.size()), generated->prefill_seconds,
                        generated->decode_seconds},
           result);
  return R1_OK;
}
