// .npz and deflate. First byte: 'Z' wraps the rest as the one array of a well-formed zip, 'D' gives it to the inflater, else a whole file.
#include "fuzz_file.hpp"

#include <regulus/weights/zip.hpp>

#include "../weights/pickle_assembler.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    static const std::string who = "test";
    if (size > 3 && bytes[0] == 'D') {
        const std::uint64_t declared = bytes[1] | std::uint64_t(bytes[2]) << 8;
        try {
            if (regulus::detail::inflate(bytes + 3, size - 3, declared, who).size() != declared) std::abort();
        } catch (const regulus::FileError&) {}
        return 0;
    }
    if (size != 0 && bytes[0] == 'Z') {
        const std::string file = regulus::testing::zip({{"a.npy", std::string(reinterpret_cast<const char*>(bytes + 1), size - 1)}});
        regulus::fuzz::read_everything(reinterpret_cast<const std::uint8_t*>(file.data()), file.size());
        return 0;
    }
    regulus::fuzz::read_everything(bytes, size);
    return 0;
}
