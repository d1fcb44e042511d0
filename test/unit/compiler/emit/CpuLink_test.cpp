// Linking and the contract of an image: what breaks it is refused by name.
#include "compiler/emit/CpuLink.h"
#include "compiler/emit/LLVMSupport.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/Support/SourceMgr.h"
#include <gtest/gtest.h>

namespace r1::test {
namespace {

using Object = llvm::SmallVector<char, 0>;

Object compile(llvm::StringRef text) {
  initializeX86();
  llvm::Expected<CpuTarget> target = parseCpuTarget("cpu:x86-64-v3");
  llvm::LLVMContext context;
  llvm::SMDiagnostic problem;
  std::unique_ptr<llvm::Module> module = llvm::parseAssemblyString(text, problem, context);
  Object object;
  if (!target || !module) {
    ADD_FAILURE() << problem.getMessage().str();
    return object;
  }
  std::unique_ptr<llvm::TargetMachine> machine = createMachine(*target);
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  EXPECT_FALSE(bool(generateObject(*module, *machine, object)));
  return object;
}

llvm::MemoryBufferRef reference(const Object& object) {
  return {llvm::StringRef(object.data(), object.size()), "test.o"};
}

std::string link(llvm::StringRef text) {
  Object object = compile(text);
  llvm::Expected<std::string> image = linkImage({reference(object)});
  return image ? *image : llvm::toString(image.takeError());
}

TEST(CpuLink, LinksAnImageThatExportsOneFunction) {
  std::string image = link("define i32 @query() { ret i32 1 }  define hidden i32 @inner() { ret i32 2 }");
  EXPECT_FALSE(bool(checkImage(image, "query")));
  EXPECT_EQ(llvm::toString(checkImage(image, "other")),
            "the CPU image has dynamic symbol 'query', expected only 'other'");
  EXPECT_EQ(image, link("define i32 @query() { ret i32 1 }  define hidden i32 @inner() { ret i32 2 }"));
}

TEST(CpuLink, RefusesASecondExport) {
  std::string image = link("define i32 @query() { ret i32 1 }  define i32 @more() { ret i32 2 }");
  EXPECT_NE(llvm::toString(checkImage(image, "query")).find("dynamic symbol 'more'"), std::string::npos);
}

TEST(CpuLink, RefusesAnUndefinedSymbol) {
  llvm::StringRef text = "declare float @expf(float)  define float @query(float %x) { %y = call float "
                         "@expf(float %x) ret float %y }";
  std::string message = link(text);
  EXPECT_NE(message.find("undefined symbol: expf"), std::string::npos) << message;
  Object object = compile(text);
  llvm::Expected<ObjectFacts> facts = inspectObject(reference(object));
  ASSERT_TRUE(bool(facts));
  EXPECT_EQ(facts->undefined, std::vector<std::string>{"expf"});
  EXPECT_GT(facts->codeBytes, 0u);
}

TEST(CpuLink, RefusesAnImageWithoutTheFunctionAndAFileThatIsNone) {
  EXPECT_EQ(llvm::toString(checkImage(link("define hidden i32 @inner() { ret i32 2 }"), "query")),
            "the CPU image does not export 'query'");
  EXPECT_TRUE(bool(checkImage("not an ELF file", "query")));
}

} // namespace
} // namespace r1::test
