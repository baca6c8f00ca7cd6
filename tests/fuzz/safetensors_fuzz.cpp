// safetensors. The first byte says how many bytes of data follow the header that is the rest of the input, so that length and header agree; with 255
// the rest is taken as the whole file.
#include "fuzz_file.hpp"

#include "../weights/pickle_assembler.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    if (size == 0) return 0;
    const std::string rest(reinterpret_cast<const char*>(bytes + 1), size - 1);
    const std::string file = bytes[0] == 255 ? rest : regulus::testing::safetensors(rest, std::string(bytes[0], '\1'));
    regulus::fuzz::read_everything(reinterpret_cast<const std::uint8_t*>(file.data()), file.size());
    return 0;
}
