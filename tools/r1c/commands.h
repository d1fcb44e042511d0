// The subcommands of r1c. Each adds itself to `app`; its exit code goes to `code`.
#pragma once
#include <CLI/App.hpp>

namespace r1::tools {

inline constexpr char kVersion[] = "r1c " R1C_VERSION;
inline constexpr int kBadInput = 1, kBadCommandLine = 2, kDefect = 70;

void addCompile(CLI::App& app, int& code);
void addInspect(CLI::App& app, int& code);
void addInterpret(CLI::App& app, int& code);
void addFusions(CLI::App& app, int& code);

} // namespace r1::tools
