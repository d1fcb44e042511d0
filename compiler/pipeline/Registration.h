// Every dialect and pass of r1c, for r1-opt and the language server.
#pragma once

namespace mlir {
class DialectRegistry;
}

namespace r1::pipeline {

void registerDialects(mlir::DialectRegistry& registry);
void registerPasses();

} // namespace r1::pipeline
