// r1-opt: every dialect and every pass of r1c on MLIR text, one at a time. For those who change the compiler.
#include "compiler/pipeline/Registration.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char** argv) {
  mlir::DialectRegistry registry;
  r1::pipeline::registerDialects(registry);
  r1::pipeline::registerPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "r1c modular optimizer driver\n", registry));
}
