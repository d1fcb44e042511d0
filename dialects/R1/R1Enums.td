// Enumerations of the r1 dialect.
#ifndef R1_ENUMS_TD
#define R1_ENUMS_TD

include "mlir/IR/EnumAttr.td"

def R1_Scoring : I32Enum<"Scoring", "how logits become scores", [
    I32EnumCase<"Softmax", 0, "softmax">, I32EnumCase<"Sigmoid", 1, "sigmoid">]> { let cppNamespace = "::r1::ir"; }

def R1_GroupScore : I32Enum<"GroupScore", "how a group of experts is scored", [
    I32EnumCase<"None", 0, "none">, I32EnumCase<"Max", 1, "max">, I32EnumCase<"Top2Sum", 2, "top2_sum">]> {
  let cppNamespace = "::r1::ir";
}

#endif
