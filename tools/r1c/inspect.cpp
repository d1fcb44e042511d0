// r1c inspect: what is inside an artifact, for people and (--json) for programs.
#include "runtime/artifact/reader.h"
#include "tools/r1c/commands.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace r1::tools {
namespace {

using nlohmann::ordered_json;

std::string text(const flatbuffers::String* s) { return s ? s->str() : ""; }

std::string hex(const artifact::Hash& hash) {
  std::string out;
  for (uint8_t byte : *hash.bytes()) {
    const char* digits = "0123456789abcdef";
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

ordered_json section(const artifact::Section* s) {
  if (!s)
    return nullptr;
  return {{"offset", s->offset()}, {"bytes", s->bytes()}, {"blake2b", hex(*s->hash())}};
}

// What finished code does not say of itself is null.
ordered_json known(int number) { return number < 0 ? ordered_json() : ordered_json(number); }

ordered_json target(const artifact::Target& t) {
  ordered_json out = {{"name", text(t.name())},
                      {"processor", text(t.processor())},
                      {"device", artifact::EnumNameDevice(t.device())},
                      {"ranks", t.ranks()},
                      {"features", ordered_json::array()},
                      {"image", section(t.image())},
                      {"kernels", ordered_json::array()},
                      {"entries", ordered_json::array()}};
  for (const auto* feature : *t.features())
    out["features"].push_back(feature->str());
  for (const auto* k : *t.kernels()) {
    ordered_json item = {
        {"name", text(k->name())}, {"family", text(k->family())}, {"fusions", text(k->remark())}};
    if (t.device() == artifact::Device::Cpu) {
      item["scratch_bytes"] = k->scratch_bytes();
    } else {
      item["symbol"] = text(k->symbol());
      item["code_offset"] = k->code_offset();
      item["code_bytes"] = k->code_bytes();
      item["threads"] = k->threads();
      item["registers"] = known(k->registers());
      item["shared_bytes"] = known(k->shared_bytes());
      item["static_shared_bytes"] = known(k->static_shared_bytes());
      item["stack_bytes"] = known(k->stack_bytes());
      item["spill_bytes"] = known(k->spill_bytes());
    }
    out["kernels"].push_back(std::move(item));
  }
  for (const auto* entry : *t.entries()) {
    uint64_t weights = 0, flops = 0;
    double active = 0;
    for (const auto* launch : *entry->launches()) {
      weights += launch->weight_bytes();
      active += launch->weight_bytes() * launch->expert_fraction();
      flops += launch->flops_per_token();
    }
    out["entries"].push_back({{"kind", artifact::EnumNameEntryKind(entry->kind())},
                              {"max_tokens", entry->max_tokens()},
                              {"max_logit_rows", entry->max_logit_rows()},
                              {"launches", entry->launches()->size()},
                              {"arena_bytes", entry->arena_bytes()},
                              {"weight_bytes", weights},
                              {"weight_bytes_per_token", static_cast<uint64_t>(active)},
                              {"flops_per_token", flops}});
  }
  return out;
}

ordered_json describe(const artifact::Reader& reader) {
  const artifact::Artifact& a = reader.index();
  const artifact::Model& m = *a.model();
  ordered_json out = {{"schema_version", reader.schema_version()},
                      {"model",
                       {{"name", text(m.name())},
                        {"model_type", text(m.model_type())},
                        {"parameters", m.parameters()},
                        {"active_parameters", m.active_parameters()},
                        {"hidden_size", m.hidden_size()},
                        {"layers", m.layers()},
                        {"vocab_size", m.vocab_size()},
                        {"max_context", m.max_context()},
                        {"max_batch", m.max_batch()},
                        {"prefill_chunk", m.prefill_chunk()},
                        {"page_tokens", m.page_tokens()},
                        {"cache_bytes_per_token", m.cache_layers() * m.cache_page_bytes() / m.page_tokens()},
                        {"tokenizer", a.text() != nullptr}}},
                      {"targets", ordered_json::array()},
                      {"checkpoint", text(a.checkpoint())},
                      {"segments", ordered_json::array()},
                      {"provenance",
                       {{"tool", text(a.provenance()->tool())},
                        {"flags", ordered_json::array()},
                        {"inputs", ordered_json::array()}}},
                      {"remarks", ordered_json::array()}};
  for (const auto* t : *a.targets())
    out["targets"].push_back(target(*t));
  for (const auto* s : *a.segments()) {
    ordered_json tensors = ordered_json::array();
    for (const auto* t : *s->tensors())
      tensors.push_back({{"name", text(t->name())},
                         {"layout", text(t->layout())},
                         {"type", artifact::EnumNameDataType(t->type())},
                         {"offset", t->offset()},
                         {"bytes", t->bytes()}});
    uint64_t inPlace = 0;
    for (uint32_t i = 0; s->ranges() && i < s->ranges()->size(); ++i)
      inPlace += s->ranges()->Get(i)->bytes();
    out["segments"].push_back({{"bytes", s->bytes()},
                               {"in_place_bytes", inPlace},
                               {"section", section(s->section())},
                               {"side_file", text(s->side_file())},
                               {"tensors", tensors}});
  }
  for (const auto* flag : *a.provenance()->flags())
    out["provenance"]["flags"].push_back(flag->str());
  for (const auto* input : *a.provenance()->inputs())
    out["provenance"]["inputs"].push_back(
        {{"name", text(input->name())}, {"bytes", input->bytes()}, {"blake2b", hex(*input->hash())}});
  for (const auto* remark : *a.remarks())
    out["remarks"].push_back({{"kind", artifact::EnumNameRemarkKind(remark->kind())},
                              {"name", text(remark->name())},
                              {"entry", text(remark->entry())},
                              {"location", text(remark->location())},
                              {"message", text(remark->message())}});
  return out;
}

std::string size(double bytes) {
  const char* units[] = {"B", "KB", "MB", "GB", "TB"};
  int unit = 0;
  for (; bytes >= 1000 && unit < 4; ++unit)
    bytes /= 1000;
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
  return buffer;
}

std::string str(const ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// "  256 threads, 40 registers, ..." of a kernel for a GPU; "" of one for a CPU. Unknown numbers are left out.
std::string footprint(const ordered_json& kernel) {
  std::string line;
  for (auto [key, unit] : {std::pair{"threads", " threads"},
                           {"registers", " registers"},
                           {"shared_bytes", " B shared"},
                           {"static_shared_bytes", " B static"},
                           {"stack_bytes", " B stack"},
                           {"spill_bytes", " B spilled"}})
    if (auto it = kernel.find(key); it != kernel.end() && !it->is_null())
      line += (line.empty() ? "  " : ", ") + str(*it) + unit;
  return line;
}

void printTable(const std::string& path, const ordered_json& all) {
  const ordered_json& m = all["model"];
  std::printf("%s  schema %s, %s\n", path.c_str(), str(all["schema_version"]).c_str(),
              str(all["provenance"]["tool"]).c_str());
  std::printf(
      "model      %s (%s): %.2f M parameters, %.2f M read a token, %s layers, hidden %s, vocabulary %s, %s\n",
      str(m["name"]).c_str(), str(m["model_type"]).c_str(), m["parameters"].get<double>() / 1e6,
      m["active_parameters"].get<double>() / 1e6, str(m["layers"]).c_str(), str(m["hidden_size"]).c_str(),
      str(m["vocab_size"]).c_str(), m["tokenizer"].get<bool>() ? "with tokenizer" : "token ids only");
  std::printf("limits     context %s, batch %s, prefill chunk %s; cache %s a token in pages of %s\n",
              str(m["max_context"]).c_str(), str(m["max_batch"]).c_str(), str(m["prefill_chunk"]).c_str(),
              size(m["cache_bytes_per_token"].get<double>()).c_str(), str(m["page_tokens"]).c_str());
  for (const auto& t : all["targets"]) {
    std::printf("target     %s for %s: %zu kernels, %s of code\n", str(t["name"]).c_str(),
                str(t["processor"]).c_str(), t["kernels"].size(),
                size(t["image"]["bytes"].get<double>()).c_str());
    for (const auto& e : t["entries"])
      std::printf("  %-8s up to %s tokens: %s launches, arena %s, weights %s (%s a token)\n",
                  str(e["kind"]).c_str(), str(e["max_tokens"]).c_str(), str(e["launches"]).c_str(),
                  size(e["arena_bytes"].get<double>()).c_str(), size(e["weight_bytes"].get<double>()).c_str(),
                  size(e["weight_bytes_per_token"].get<double>()).c_str());
    for (const auto& k : t["kernels"])
      std::printf("  kernel   %s%s\n", str(k["name"]).c_str(), footprint(k).c_str());
  }
  for (const auto& s : all["segments"]) {
    if (double bytes = s["in_place_bytes"].get<double>(); bytes > 0)
      std::printf("in place   %s of the next segment, in %s\n", size(bytes).c_str(),
                  str(all["checkpoint"]).c_str());
    std::printf("segment    %s in %zu tensors, %s\n", size(s["bytes"].get<double>()).c_str(),
                s["tensors"].size(),
                !s["side_file"].get<std::string>().empty() ? ("in side file " + str(s["side_file"])).c_str()
                : s["section"].is_null()                   ? "not in this file (--weights=none)"
                                                           : "in this file");
  }
  for (const auto& flag : all["provenance"]["flags"])
    std::printf("flag       %s\n", str(flag).c_str());
  for (const auto& input : all["provenance"]["inputs"])
    std::printf("input      %s  %s  %.16s...\n", str(input["name"]).c_str(),
                size(input["bytes"].get<double>()).c_str(), str(input["blake2b"]).c_str());
  size_t taken = 0;
  for (const auto& remark : all["remarks"])
    taken += remark["kind"] == "Passed";
  std::printf("fusions    %zu taken, %zu refused; --json lists each with its reason\n", taken,
              all["remarks"].size() - taken);
}

} // namespace

void addInspect(CLI::App& app, int& code) {
  struct Flags {
    std::string path;
    bool json = false;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand(
      "inspect", "What is inside an artifact: targets, kernels, memory plan, weights, provenance");
  command->add_option("artifact", flags->path, "OUT.r1a")->required();
  command->add_flag("--json", flags->json, "Everything, as JSON");
  command->callback([flags, &code] {
    auto reader = artifact::Reader::open(flags->path);
    if (!reader.ok()) {
      std::fprintf(stderr, "r1c: error: %s\n", reader.status().message().c_str());
      code = kBadInput;
      return;
    }
    ordered_json all = describe(**reader);
    if (flags->json)
      std::printf("%s\n", all.dump(2, ' ', false, ordered_json::error_handler_t::replace).c_str());
    else
      printTable(flags->path, all);
    code = 0;
  });
}

} // namespace r1::tools
