#pragma once
// What the known globals of PyTorch, NumPy and the standard library mean. Everything else becomes an opaque value.
#include <bit>

#include <regulus/core/utf8.hpp>
#include <regulus/weights/pickle_machine.hpp>

namespace regulus::detail {

/// Modules whose functions no checkpoint calls and every attack does. We would not run them either; such a file is refused whole, so that
/// it is found before another program opens it.
inline bool is_attack(std::string_view module, std::string_view name) {
    static constexpr std::string_view modules[] = {
        "os", "posix", "nt", "subprocess", "sys", "shutil", "socket", "pty", "pdb", "bdb", "runpy", "importlib", "imp", "webbrowser", "ctypes", "code", "codeop", "commands", "popen2",
        "pickle", "_pickle", "cPickle", "marshal", "timeit", "profile", "cProfile", "trace", "signal", "multiprocessing", "threading", "asyncio", "http", "urllib", "urllib2", "requests",
        "ftplib", "smtplib", "telnetlib", "xmlrpc", "pip", "setuptools", "distutils", "operator", "platform", "tempfile", "zipimport", "pkgutil", "pydoc", "idlelib", "ssl", "cffi"};
    const std::string_view package = module.substr(0, module.find('.'));
    for (const std::string_view bad : modules) {
        if (package == bad) return true;
    }
    if (module == "torch.hub" || module == "numpy.testing" || module.substr(0, 14) == "numpy.testing.") return true;
    if (module != "builtins" && module != "__builtin__" && module != "__builtins__") return false;
    static constexpr std::string_view functions[] = {"eval", "exec", "execfile", "compile", "open", "file", "__import__", "input", "raw_input", "apply", "globals", "locals", "vars", "setattr", "delattr", "breakpoint", "map", "filter"};
    for (const std::string_view bad : functions) {
        if (name == bad) return true;
    }
    return false;
}

REGULUS_INLINE void PickleMachine::spend(std::size_t count) {
    copies_ += count;
    if (copies_ > limits_.copies) fail("the pickle copies more than " + std::to_string(limits_.copies) + " values");
}

REGULUS_INLINE std::int64_t PickleMachine::integer_of(Handle handle, const char* what) const {
    const PickleNode& value = node(handle);
    if (value.kind != PickleKind::integer) fail(std::string(what) + " is not a 64-bit integer");
    return value.integer;
}

REGULUS_INLINE Shape PickleMachine::shape_of(Handle handle, const char* what) const {
    const PickleNode& sizes = node(handle);
    if (sizes.kind != PickleKind::tuple) fail(std::string(what) + " is not a tuple");
    if (sizes.items.size() > Shape::max_rank) fail(std::string(what) + " has " + std::to_string(sizes.items.size()) + " dimensions, the limit is 8");
    Shape shape;
    for (const Handle size : sizes.items) {
        const std::int64_t value = integer_of(size, what);
        if (value < 0) fail(std::string(what) + " has the negative entry " + std::to_string(value));
        shape.push_back(value);
    }
    return shape;
}

REGULUS_INLINE PickleMachine::Handle PickleMachine::opaque(Handle callable, Handle args) {
    const Handle result = add(PickleKind::object);
    node(result).items = {callable, args};
    return result;
}

REGULUS_INLINE PickleMachine::Handle PickleMachine::call(Handle callable, Handle args) {
    const PickleNode& function = node(callable);
    if (function.kind == PickleKind::object) return opaque(callable, args);  // the result of a getattr, as mmengine writes it
    if (function.kind != PickleKind::global) fail("a call of what is no class or function");
    const std::string_view module = function.text;
    const std::string_view name = node(function.items[0]).text;
    if (is_attack(module, name)) fail("the file wants to call " + std::string(module) + "." + std::string(name) + "; nothing was run, do not open this file with other programs");
    if (module == "collections" && (name == "OrderedDict" || name == "defaultdict" || name == "Counter")) return name == "OrderedDict" ? dict_from(args) : add(PickleKind::dict);
    if (module == "_codecs" && name == "encode") return encode(args);
    if (module == "builtins" || module == "__builtin__") {
        if ((name == "bytes" || name == "bytearray") && node(args).items.empty()) return add(PickleKind::bytes);
        if (name == "bytearray") return encode(args);
        if ((name == "set" || name == "frozenset" || name == "list") && node(args).items.empty()) return add(PickleKind::list);
        return opaque(callable, args);
    }
    if (module == "torch" || module == "torch._utils" || module == "torch._tensor") return call_torch(name, callable, args);
    if (module == "numpy" || module.substr(0, 11) == "numpy.core." || module.substr(0, 12) == "numpy._core.") return call_numpy(name, callable, args);
    result_.unknown_globals.insert(std::string(module) + "." + std::string(name));
    return opaque(callable, args);
}

// OrderedDict(), or OrderedDict([[key, value], ...]) as Python 2 wrote it.
REGULUS_INLINE PickleMachine::Handle PickleMachine::dict_from(Handle args) {
    const Handle result = add(PickleKind::dict);
    const std::vector<Handle>& arguments = node(args).items;
    if (arguments.empty()) return result;
    const PickleNode& pairs = node(arguments[0]);
    if (pairs.kind != PickleKind::list && pairs.kind != PickleKind::tuple) fail("OrderedDict needs a list of pairs");
    spend(pairs.items.size());
    for (const Handle pair : pairs.items) {
        const PickleNode& entry = node(pair);
        if ((entry.kind != PickleKind::list && entry.kind != PickleKind::tuple) || entry.items.size() != 2) fail("OrderedDict needs a list of pairs");
        node(result).items.insert(node(result).items.end(), entry.items.begin(), entry.items.end());
    }
    return result;
}

// Bytes at protocol 2: encode(text, "latin1"). The bytes stay as they are in the file until an array asks for them.
REGULUS_INLINE PickleMachine::Handle PickleMachine::encode(Handle args) {
    const std::vector<Handle>& arguments = node(args).items;
    if (arguments.size() != 2 || node(arguments[0]).kind != PickleKind::text || node(arguments[1]).kind != PickleKind::text) fail("_codecs.encode needs two texts");
    const std::string_view charset = node(arguments[1]).text;
    if (charset != "latin1" && charset != "latin-1" && charset != "iso-8859-1") fail("_codecs.encode to another encoding than latin1");
    const Handle result = add(PickleKind::latin1);
    node(result).text = node(arguments[0]).text;
    return result;
}

// ---- PyTorch ----

REGULUS_INLINE PickleMachine::Handle PickleMachine::refused_tensor(std::string refusal) {
    PickleTensor tensor;
    tensor.refusal = std::move(refusal);
    result_.tensors.push_back(std::move(tensor));
    const Handle result = add(PickleKind::tensor);
    node(result).integer = static_cast<std::int64_t>(result_.tensors.size() - 1);
    return result;
}

REGULUS_INLINE PickleMachine::Handle PickleMachine::call_torch(std::string_view name, Handle callable, Handle args) {
    const std::vector<Handle>& arguments = node(args).items;
    if (name == "_rebuild_tensor") return rebuild_tensor(arguments, 1);
    if (name == "_rebuild_tensor_v2") return rebuild_tensor(arguments, 2);
    if (name == "_rebuild_tensor_v3") return rebuild_tensor(arguments, 3);
    if (name == "_rebuild_parameter" || name == "_rebuild_parameter_with_state") {
        if (arguments.size() < 2 || node(arguments[0]).kind != PickleKind::tensor) fail(std::string(name) + " needs a tensor");
        return arguments[0];
    }
    if (name == "_rebuild_from_type_v2") {
        // A subclass of Tensor: (function, type, its arguments, state). The subclass is dropped, as for a Parameter.
        if (arguments.size() != 4 || node(arguments[0]).kind != PickleKind::global || node(arguments[2]).kind != PickleKind::tuple) fail("_rebuild_from_type_v2 needs a function, a type, a tuple and a state");
        const PickleNode& function = node(arguments[0]);
        const std::string_view inner = node(function.items[0]).text;
        if (function.text != "torch._utils" || inner == "_rebuild_from_type_v2") fail("_rebuild_from_type_v2 of an unknown function");
        return call_torch(inner, arguments[0], arguments[2]);
    }
    if (name == "_rebuild_qtensor") return refused_tensor("it is quantised, which is not supported");
    if (name == "_rebuild_sparse_tensor" || name == "_rebuild_sparse_csr_tensor") return refused_tensor("it is sparse, which is not supported");
    if (name == "_rebuild_meta_tensor_no_storage") return refused_tensor("the file holds no data for it (meta device)");
    if (name == "_rebuild_nested_tensor" || name == "_rebuild_wrapper_subclass" || name == "_rebuild_device_tensor_from_numpy") return refused_tensor("it needs " + std::string(name) + ", which is not supported");
    if (name == "Size" && arguments.size() == 1 && node(arguments[0]).kind == PickleKind::tuple) return arguments[0];
    if (name != "Size" && name != "device" && name != "layout") result_.unknown_globals.insert(std::string(node(callable).text) + "." + std::string(name));
    return opaque(callable, args);
}

// (storage, offset, size, stride[, requires_grad, hooks[, flags]]), or (..., hooks, dtype[, flags]) in version 3.
REGULUS_INLINE PickleMachine::Handle PickleMachine::rebuild_tensor(const std::vector<Handle>& args, int version) {
    const std::size_t least = version == 1 ? 4 : version == 2 ? 6 : 7;
    if (args.size() < least || args.size() > least + (version == 1 ? 0 : 1)) fail("a tensor of " + std::to_string(args.size()) + " arguments");
    if (node(args[0]).kind != PickleKind::storage) fail("a tensor without a storage");
    PickleTensor tensor;
    tensor.storage = static_cast<std::uint32_t>(node(args[0]).integer);
    const PickleStorage& storage = result_.storages[tensor.storage];
    tensor.type = storage.type;
    std::int64_t available = storage.numel;
    if (version == 3) {
        const PickleNode& dtype = node(args[6]);
        if (dtype.kind != PickleKind::global || dtype.text != "torch") fail("a tensor without an element type");
        tensor.type = find_element(&ElementType::name, node(dtype.items[0]).text);
        if (tensor.type == nullptr) fail("unknown element type torch." + std::string(node(dtype.items[0]).text));
        if (storage.type->name != "untyped" && storage.type != tensor.type) fail("a tensor of another element type than its storage");
        available = available * storage.type->size / tensor.type->size;
    }
    if (tensor.type->quantised) tensor.refusal = "it is quantised, which is not supported";
    if (args.size() == least + 1 && version != 1) {
        const PickleNode& flags = node(args[least]);
        if (flags.kind == PickleKind::dict) {
            for (const std::string_view flag : {"conj", "neg"}) {
                const PickleNode* set = result_.find(flags, flag);
                // A complex type is not held anyhow.
                if (tensor.type->held && set != nullptr && !(set->kind == PickleKind::boolean && set->integer == 0)) tensor.refusal = "it is a " + std::string(flag) + " view, which is not supported";
            }
        } else if (flags.kind != PickleKind::none) {
            fail("the flags of a tensor are no dict");
        }
    }
    tensor.offset = integer_of(args[1], "a tensor's offset");
    tensor.shape = shape_of(args[2], "a tensor's size");
    const Shape strides = shape_of(args[3], "a tensor's stride");
    tensor.strides.assign(strides.begin(), strides.end());
    if (strides.rank() != tensor.shape.rank()) fail("a tensor with " + std::to_string(tensor.shape.rank()) + " sizes and " + std::to_string(strides.rank()) + " strides");
    if (tensor.offset < 0) fail("a tensor begins before its storage");
    bool none = false;
    std::int64_t last = tensor.offset;
    bool outside = false;
    for (int axis = 0; axis < tensor.shape.rank(); ++axis) {
        if (tensor.shape[axis] == 0) {
            none = true;
            continue;
        }
        std::int64_t reach = 0;
        outside = outside || __builtin_mul_overflow(tensor.shape[axis] - 1, strides[axis], &reach) || __builtin_add_overflow(last, reach, &last);
    }
    if (!none && (outside || last >= available)) fail("a tensor " + to_string(tensor.shape) + " reaches beyond its storage of " + std::to_string(available) + " elements");
    if (!none) {
        try {
            if (tensor.shape.numel() > INT64_MAX / 64) fail("a tensor of impossible size " + to_string(tensor.shape));
        } catch (const ShapeError&) { fail("a tensor of impossible size " + to_string(tensor.shape)); }
    }
    result_.tensors.push_back(std::move(tensor));
    const Handle result = add(PickleKind::tensor);
    node(result).integer = static_cast<std::int64_t>(result_.tensors.size() - 1);
    return result;
}

// ("storage", class, key, device, number of elements[, view: only in the legacy layout]).
REGULUS_INLINE PickleMachine::Handle PickleMachine::persistent(Handle id) {
    if (dialect_ == PickleDialect::plain) fail("a persistent id in a plain pickle: a part of this checkpoint lies elsewhere");
    const PickleNode& parts = node(id);
    if (parts.kind != PickleKind::tuple || parts.items.empty() || node(parts.items[0]).kind != PickleKind::text) fail("unknown kind of persistent id");
    const std::string_view kind = node(parts.items[0]).text;
    if (kind == "module" && parts.items.size() == 4) {
        result_.unknown_globals.insert("(source text of a pickled module)");
        if (node(parts.items[1]).kind != PickleKind::global) fail("a module id without its class");
        return parts.items[1];
    }
    if (kind != "storage") fail("unknown kind of persistent id");
    const std::size_t expected = dialect_ == PickleDialect::torch_legacy ? 6 : 5;
    if (parts.items.size() != expected) fail("a storage id of " + std::to_string(parts.items.size()) + " parts, " + std::to_string(expected) + " are needed");
    const PickleNode& storage_class = node(parts.items[1]);
    const PickleNode& key = node(parts.items[2]);
    if (storage_class.kind != PickleKind::global || (storage_class.text != "torch" && storage_class.text != "torch.cuda" && storage_class.text != "torch.storage")) fail("a storage of unknown type");
    const std::string class_name(node(storage_class.items[0]).text);
    if (key.kind != PickleKind::text || key.text.empty() || key.text.size() > 1024) fail("a storage whose key is no text");
    if (expected == 6 && node(parts.items[5]).kind != PickleKind::none) fail("a storage that is a view of another, which is not supported");
    PickleStorage storage{std::string(key.text), find_torch_storage(class_name), integer_of(parts.items[4], "a storage's size")};
    if (storage.type == nullptr) fail("a storage of unknown type " + class_name);
    if (storage.numel < 0 || storage.numel > INT64_MAX / 64) fail("storage \"" + storage.key + "\" declares " + std::to_string(storage.numel) + " elements");
    const auto [found, added] = result_.storage_of_key.emplace(storage.key, static_cast<std::uint32_t>(result_.storages.size()));
    if (added) {
        result_.storages.push_back(std::move(storage));
    } else {
        const PickleStorage& before = result_.storages[found->second];
        if (before.type != storage.type || before.numel != storage.numel) fail("storage \"" + storage.key + "\" is declared in two ways");
    }
    const Handle result = add(PickleKind::storage);
    node(result).integer = found->second;
    return result;
}

REGULUS_INLINE void PickleMachine::build(Handle target, Handle state) {
    PickleNode& object = node(target);
    switch (object.kind) {
        case PickleKind::dtype: return build_dtype(result_.dtypes[static_cast<std::size_t>(object.integer)], node(state));
        case PickleKind::array: return build_array(result_.arrays[static_cast<std::size_t>(object.integer)], node(state));
        case PickleKind::object: object.items.push_back(state); return;
        case PickleKind::dict: case PickleKind::list: case PickleKind::tensor: return;  // attributes such as a state dict's _metadata
        default: fail("BUILD on a value that has no state");
    }
}

}  // namespace regulus::detail

#include <regulus/weights/pickle_numpy-impl.hpp>
