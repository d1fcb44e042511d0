// r1c: the build side. Subcommands parse the command line and print; the work is in compiler/pipeline.
#include "tools/r1c/commands.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

int main(int argc, char** argv) {
  CLI::App app{"r1c compiles a DeepSeek-R1-family checkpoint into one artifact of finished machine code"};
  app.require_subcommand(1);
  app.set_version_flag("--version", r1::tools::kVersion);
  int code = 0;
  r1::tools::addCompile(app, code);
  r1::tools::addInspect(app, code);
  r1::tools::addInterpret(app, code);
  r1::tools::addFusions(app, code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "r1c: error: %s (try r1c --help)\n", error.what());
    return r1::tools::kBadCommandLine;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "r1c: error: %s; this is a defect of r1c\n", error.what());
    return r1::tools::kDefect;
  }
  return code;
}
