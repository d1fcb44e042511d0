// info, check, and how every command opens a model.
#include <nlohmann/json.hpp>

#include <cstdio>
#include <cstdlib>

#include "tools/r1run/commands.h"
#include "tools/r1run/output.h"

namespace r1run {

using namespace r1;

namespace {

// Before hours of loading: what will be allocated. Small models are not worth a line.
void print_memory(const MemoryPlan& plan, uint64_t available, const char* where) {
  auto gib = [](uint64_t bytes) { return double(bytes) / (1 << 30); };
  if (gib(plan.total()) >= 1)
    std::fprintf(stderr,
                 "r1run: %.1f of %.1f GiB of %s: weights %.1f, cache %.1f, activations %.1f, other %.1f\n",
                 gib(plan.total()), gib(available), where, gib(plan.weights), gib(plan.cache),
                 gib(plan.arena), gib(plan.other));
}

// sim:sm_80 asks for a simulated chip 80; the stand-in for the driver reads which from its environment.
void simulate_chip_of(std::string_view target) {
  constexpr std::string_view kSim = "sim:sm_";
  const char* set = getenv("R1_SIMCUDA");
  std::string text = set ? set : "";
  if (!target.starts_with(kSim) || text.find("chip=") != std::string::npos)
    return;
  target.remove_prefix(kSim.size());
  text += (text.empty() ? "chip=" : ",chip=") +
          std::string(target.substr(0, target.find_first_not_of("0123456789")));
  setenv("R1_SIMCUDA", text.c_str(), 1);
}

} // namespace

Result<std::unique_ptr<Program>> open_program(const ModelArgs& args, int64_t sequences,
                                              DeviceOptions device) {
  device.threads = args.threads;
  device.map_weights = args.map;
  device.verify_weights = args.verify;
  device.report_memory = print_memory;
  device.memory_limit = args.memory_mib << 20;
  device.cache_sequences = uint32_t(sequences);
  device.cache_tokens = args.context;
  simulate_chip_of(args.target);
  return Program::open(args.artifact, {args.target, device});
}

Status check(const ModelArgs& args) {
  R1_ASSIGN_OR_RETURN(auto reader, artifact::Reader::open(args.artifact));
  uint64_t bytes = 0;
  {
    Progress progress("checking");
    R1_RETURN_IF_ERROR(reader->check([&](uint64_t done, uint64_t total) {
      bytes = total;
      progress.show(done, total);
      return true;
    }));
  }
  std::string skipped;
  for (const artifact::Target* t : *reader->index().targets()) {
    if (!can_run(reader->index(), *t).ok()) {
      skipped += " " + t->name()->str();
      continue;
    }
    if (Status s = check_image(*reader, *t); !s.ok())
      return s.at(args.artifact);
  }
  R1_RETURN_IF_ERROR(
      print(args.artifact + ": sound, " + size(double(bytes)) + " of code and weights match their hashes\n"));
  if (!skipped.empty())
    note("r1run: not loaded, because this machine cannot run them:" + skipped);
  return Status();
}

Status info(const InfoArgs& args) {
  R1_ASSIGN_OR_RETURN(auto reader, artifact::Reader::open(args.artifact));
  const artifact::Artifact& a = reader->index();
  const artifact::Model& m = *a.model();
  uint64_t weights = 0;
  bool absent = false;
  for (const artifact::Segment* s : *a.segments()) {
    weights += s->bytes();
    absent |= !s->section() && s->bytes() > 0;
  }
  auto best = choose_target(a, "");
  nlohmann::ordered_json json;
  json["artifact"] = args.artifact;
  json["schema_version"] = reader->schema_version();
  json["model"] = {{"name", m.name()->str()},      {"model_type", m.model_type()->str()},
                   {"parameters", m.parameters()}, {"active_parameters", m.active_parameters()},
                   {"layers", m.layers()},         {"hidden_size", m.hidden_size()},
                   {"vocab_size", m.vocab_size()}, {"max_context", m.max_context()},
                   {"max_batch", m.max_batch()},   {"prefill_chunk", m.prefill_chunk()}};
  json["weights"] = {{"bytes", weights}, {"present", !absent}};
  json["cache_bytes_per_token"] = m.cache_page_bytes() / m.page_tokens() * m.cache_layers();
  json["text"] = a.text() != nullptr;
  json["targets"] = nlohmann::ordered_json::array();
  for (const artifact::Target* t : *a.targets()) {
    Status runs = can_run(reader->index(), *t);
    nlohmann::ordered_json target = {{"name", t->name()->str()},
                                     {"processor", t->processor()->str()},
                                     {"kernels", t->kernels()->size()},
                                     {"image_bytes", t->image()->bytes()},
                                     {"runs_here", runs.ok()}};
    if (!runs.ok())
      target["reason"] = runs.message();
    target["chosen"] = best.ok() && *best == t;
    json["targets"].push_back(std::move(target));
  }
  json["tool"] = a.provenance()->tool()->str();
  // Names come from a folder, so they may hold any bytes: those that are not UTF-8 are replaced.
  if (args.json)
    return print(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");

  std::string text =
      format("model      %s (%s), %.3g parameters, %.3g active a token, %u layers, vocabulary %u\n",
             m.name()->c_str(), m.model_type()->c_str(), double(m.parameters()),
             double(m.active_parameters()), m.layers(), m.vocab_size());
  text += format("limits     context %u, batch %u, prefill in chunks of %u\n", m.max_context(), m.max_batch(),
                 m.prefill_chunk());
  text += "memory     weights " + size(double(weights)) + (absent ? " (not in the artifact)" : "") +
          ", cache " + size(double(m.cache_page_bytes()) / m.page_tokens() * m.cache_layers()) + " a token\n";
  for (const artifact::Target* t : *a.targets()) {
    Status runs = can_run(reader->index(), *t);
    text += format("target     %s (%s), %u kernels, code %s: %s\n", t->name()->c_str(),
                   t->processor()->c_str(), t->kernels()->size(), size(double(t->image()->bytes())).c_str(),
                   runs.ok() ? (best.ok() && *best == t ? "runs here, chosen" : "runs here")
                             : runs.message().c_str());
  }
  text += format("text       %s\nmade by    %s, schema %u\n", a.text() ? "tokenizer" : "no tokenizer",
                 a.provenance()->tool()->c_str(), reader->schema_version());
  return print(text);
}

} // namespace r1run
