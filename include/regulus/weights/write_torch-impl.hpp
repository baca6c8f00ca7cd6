#pragma once
#include <regulus/weights/write_torch.hpp>

#include <string_view>

#include <regulus/core/utf8.hpp>
#include <regulus/weights/element_types.hpp>
#include <regulus/weights/zip_writer.hpp>

namespace regulus {

namespace detail {

/// Assembles the pickle of a state dict at protocol 2, from the opcodes that torch.load(weights_only=True) allows.
class StateDictPickle {
public:
    StateDictPickle() { out_ = "\x80\x02"; }

    void raw(std::string_view opcodes) { out_ += opcodes; }

    void text(std::string_view value) {
        out_ += 'X';
        append_little<std::uint32_t>(out_, static_cast<std::uint32_t>(value.size()));
        out_ += value;
    }

    void integer(std::int64_t value) {
        if (value >= 0 && value < 256) {
            out_ += 'K';
            out_ += static_cast<char>(value);
        } else if (value >= INT32_MIN && value <= INT32_MAX) {
            out_ += 'J';
            append_little<std::uint32_t>(out_, static_cast<std::uint32_t>(value));
        } else {
            out_ += "\x8A\x08";
            append_little<std::uint64_t>(out_, static_cast<std::uint64_t>(value));
        }
    }

    void ordered_dict() { out_ += "ccollections\nOrderedDict\n)R"; }

    void tensor(const ElementType& type, const std::string& key, const Shape& shape) {
        out_ += "ctorch._utils\n_rebuild_tensor_v2\n((";
        text("storage");
        out_ += "ctorch\n";
        out_ += type.storage;
        out_ += "Storage\n";
        text(key);
        text("cpu");
        integer(shape.numel());
        out_ += "tQK";
        out_ += '\0';
        out_ += '(';
        for (const std::int64_t size : shape) integer(size);
        out_ += "t(";
        std::int64_t steps[Shape::max_rank] = {};
        std::int64_t step = 1;
        for (int axis = shape.rank() - 1; axis >= 0; --axis) {
            steps[axis] = step;
            step *= shape[axis] == 0 ? 1 : shape[axis];
        }
        for (int axis = 0; axis < shape.rank(); ++axis) integer(steps[axis]);
        out_ += "t\x89";
        ordered_dict();
        out_ += "tR";
    }

    const std::string& bytes() const noexcept { return out_; }

private:
    std::string out_;
};

inline const ElementType& torch_element(const Weights::Entry& entry) {
    for (const ElementType& type : element_types) {
        if (type.held == entry.tensor.dtype()) {
            if (type.storage.empty()) break;
            return type;
        }
    }
    throw WeightError("write_torch: tensor \"" + entry.name + "\" is " + name_of(entry.tensor.dtype()) + ", which PyTorch's storages lack: convert it to a signed type");
}

}  // namespace detail

REGULUS_INLINE void write_torch(const std::string& path, const Weights& weights, TorchContent content) {
    detail::StateDictPickle program;
    if (content != TorchContent::bare) program.raw("}(");
    if (content == TorchContent::with_meta) {
        program.text("meta");
        program.raw("}(");
        for (const auto& [key, value] : weights.metadata) {
            for (const std::string* text : {&key, &value}) {
                if (invalid_utf8_at(*text) != text->size() || text->size() > (16u << 20)) throw WeightError("write_torch: the metadata of \"" + key + "\" are not UTF-8, or longer than 16 MiB");
                program.text(*text);
            }
            program.raw("u(");
        }
        program.raw("u");
    }
    if (content != TorchContent::bare) program.text("state_dict");
    program.ordered_dict();
    program.raw("(");
    std::size_t number = 0;
    for (const Weights::Entry& entry : weights.entries()) {
        if (invalid_utf8_at(entry.name) != entry.name.size()) throw WeightError("write_torch: a tensor's name is not UTF-8");
        program.text(entry.name);
        program.tensor(detail::torch_element(entry), std::to_string(number++), entry.tensor.shape());
        program.raw("u(");  // one pair at a time keeps every reader's stack small
    }
    program.raw("u");
    if (content != TorchContent::bare) program.raw("u");
    program.raw(".");

    detail::ZipWriter zip(path);
    zip.add("archive/data.pkl", program.bytes());
    zip.add("archive/byteorder", "little");
    number = 0;
    for (const Weights::Entry& entry : weights.entries()) zip.add("archive/data/" + std::to_string(number++), entry.tensor.raw(), entry.tensor.bytes());
    zip.add("archive/version", "3\n");
    zip.finish();
}

}  // namespace regulus
