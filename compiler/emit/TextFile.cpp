#include "compiler/emit/TextFile.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

namespace r1 {

llvm::Error writeTextFile(const llvm::Twine& path, llvm::StringRef text) {
  std::string name = path.str();
  if (std::error_code code = llvm::sys::fs::create_directories(llvm::sys::path::parent_path(name)))
    return llvm::createStringError("cannot create the folder of '" + name + "': " + code.message());
  std::error_code code;
  llvm::raw_fd_ostream stream(name, code);
  if (!code) {
    stream << text;
    stream.close();
    code = stream.error();
    stream.clear_error();
  }
  return code ? llvm::createStringError("cannot write '" + name + "': " + code.message())
              : llvm::Error::success();
}

} // namespace r1
