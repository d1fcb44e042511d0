// Jinja chat templates, compiled to the tree of nodes in text.fbs. The language is Jinja 3 as transformers sets it up:
// trim_blocks, lstrip_blocks, the extensions loopcontrols and `generation`. Not there: include, import, extends, block.
#pragma once
#include "runtime/artifact/text_generated.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string_view>

namespace r1::compiler {

llvm::Expected<std::unique_ptr<artifact::TemplateT>> compileTemplate(std::string_view name,
                                                                     std::string_view source);

} // namespace r1::compiler
