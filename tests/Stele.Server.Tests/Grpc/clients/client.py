"""Checks of Stele's gRPC with grpcio, by a client that knows nothing but the reflection service.

python3 client.py ADDRESS TOKEN REFLECTION_DESCRIPTOR CHECK; says what failed, and exits with 1.
"""
import concurrent.futures
import sys
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

address, token, reflection_file, check = sys.argv[1:5]
AUTH = (("authorization", "Bearer " + token),)
LARGE = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)]


def channel(**more):
    return grpc.insecure_channel(address, options=LARGE, **more)


class Generic:
    """Services found by reflection, and messages made of what it says."""

    def __init__(self, over, version="v1"):
        self.over = over
        self.pool = descriptor_pool.DescriptorPool()
        self.added = set()
        known = descriptor_pool.DescriptorPool()
        with open(reflection_file, "rb") as file:
            known.AddSerializedFile(file.read())
        factory = message_factory.MessageFactory(known)
        self.request = factory.GetPrototype(known.FindMessageTypeByName("grpc.reflection.v1.ServerReflectionRequest"))
        response = factory.GetPrototype(known.FindMessageTypeByName("grpc.reflection.v1.ServerReflectionResponse"))
        self.stream = over.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
                                         request_serializer=self.request.SerializeToString, response_deserializer=response.FromString)

    def ask(self, *requests):
        return list(self.stream(iter(requests), metadata=AUTH, timeout=60))

    def services(self):
        return [service.name for service in self.ask(self.request(list_services="*"))[0].list_services_response.service]

    def find(self, symbol):
        (answer,) = self.ask(self.request(file_containing_symbol=symbol))
        assert not answer.HasField("error_response"), answer
        files = {}
        for content in answer.file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(content)
            files[file.name] = file

        def add(name):
            if name in self.added:
                return
            self.added.add(name)
            for dependency in files[name].dependency:
                add(dependency)
            self.pool.Add(files[name])

        for name in files:
            add(name)

    def message(self, name):
        return message_factory.MessageFactory(self.pool).GetPrototype(self.pool.FindMessageTypeByName(name))

    def method(self, service, name):
        self.find(service)
        method = self.pool.FindServiceByName(service).FindMethodByName(name)
        make = self.over.unary_stream if name == "Watch" else self.over.unary_unary
        return (make(f"/{service}/{name}", request_serializer=self.message(method.input_type.full_name).SerializeToString,
                     response_deserializer=self.message(method.output_type.full_name).FromString),
                self.message(method.input_type.full_name))


def refused(code, call, *arguments, **more):
    try:
        call(*arguments, **more)
    except grpc.RpcError as error:
        assert error.code() == code, error
        return error
    raise AssertionError("not refused")


def reflection():
    for version in ("v1", "v1alpha"):
        generic = Generic(channel(), version)
        services = generic.services()
        for expected in ("stele.v1.ConfigService", "stele.v1.EnvironmentService", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"):
            assert expected in services, services
        for service in services:
            generic.find(service)
            generic.pool.FindServiceByName(service)
        set_, request = generic.method("stele.v1.ConfigService", "Set")
        answer = set_(request(key="py.generic", value_json='"by %s"' % version), metadata=AUTH, timeout=60)
        assert answer.value_json == '"by %s"' % version, answer
        # several questions on one stream, answered in order
        answers = generic.ask(generic.request(file_by_filename="stele/v1/http.proto"), generic.request(file_containing_symbol="stele.v1.Nothing"),
                              generic.request(all_extension_numbers_of_type="google.protobuf.MethodOptions"))
        assert answers[0].file_descriptor_response.file_descriptor_proto
        assert answers[1].error_response.error_code == 5
        assert list(answers[2].all_extension_numbers_response.extension_number) == [50731]
    try:
        list(Generic(channel()).stream(iter([]), timeout=60))
        raise AssertionError("reflection without a token")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAUTHENTICATED, error


def unary():
    generic = Generic(channel())
    set_, request = generic.method("stele.v1.ConfigService", "Set")
    get, asking = generic.method("stele.v1.ConfigService", "Get")
    answer, call = set_.with_call(request(key="py.unary", value_json="1.10"), metadata=AUTH + (("idempotency-key", "py-1"),), timeout=60)
    head = dict(call.initial_metadata())
    assert head["stele-revision"] == str(answer.revision)
    got, call = get.with_call(asking(key="py.unary"), metadata=AUTH + (("stele-min-cursor", head["stele-cursor"]), ("x-trace-bin", b"\x00\xff")), timeout=60)
    assert got.value_json == "1.10"
    error = refused(grpc.StatusCode.ABORTED, set_, request(key="py.unary", value_json="2", expected_version=9), metadata=AUTH, timeout=60)
    generic.find("google.rpc.Status")
    generic.find("google.rpc.BadRequest")
    status = generic.message("google.rpc.Status").FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    bad = [generic.message("google.rpc.BadRequest").FromString(detail.value) for detail in status.details if detail.type_url.endswith("BadRequest")]
    assert bad[0].field_violations[0].field == "expected_version", bad


def large():
    for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
        generic = Generic(channel(compression=compression))
        set_, request = generic.method("stele.v1.ConfigService", "Set")
        value = '"' + "p" * ((8 << 20) - 2) + '"'
        assert set_(request(key="py.large", value_json=value), metadata=AUTH, timeout=120).value_json == value
        refused(grpc.StatusCode.RESOURCE_EXHAUSTED, set_, request(key="py.large", value_json='"' + "p" * (33 << 20) + '"'), metadata=AUTH, timeout=120)


def streams():
    generic = Generic(channel())
    watch, request = generic.method("grpc.health.v1.Health", "Watch")
    calls = [watch(request(), metadata=AUTH) for _ in range(1000)]
    for call in calls:
        assert next(call).status == 1
    get, asking = generic.method("stele.v1.ConfigService", "List")
    futures = [get.future(asking(limit=1), metadata=AUTH, timeout=120) for _ in range(1000)]
    for future in concurrent.futures.as_completed([_adapted(future) for future in futures]):
        future.result()
    for call in calls:
        call.cancel()
        assert call.code() == grpc.StatusCode.CANCELLED


def _adapted(call):
    adapted = concurrent.futures.Future()
    call.add_done_callback(lambda done: adapted.set_exception(done.exception()) if done.exception() else adapted.set_result(done.result()))
    return adapted


def watch():
    generic = Generic(channel())
    watch_, request = generic.method("stele.v1.WatchService", "Watch")
    set_, setting = generic.method("stele.v1.ConfigService", "Set")
    call = watch_(request(prefix=["py.watch."]), metadata=AUTH)
    assert dict(call.initial_metadata())["stele-subscription"]
    for number in range(20):
        set_(setting(key="py.watch.a", value_json=str(number)), metadata=AUTH, timeout=60)
    seen = []
    for message in call:
        if message.HasField("change"):
            seen += [(change.key, change.value_json, change.version) for change in message.change.changes]
        if len(seen) == 20:
            break
    assert seen == [("py.watch.a", str(number), number + 1) for number in range(20)], seen
    call.cancel()
    assert call.code() == grpc.StatusCode.CANCELLED


def deadlines():
    generic = Generic(channel())
    watch, request = generic.method("grpc.health.v1.Health", "Watch")
    started = time.monotonic()
    call = watch(request(), metadata=AUTH, timeout=0.5)
    assert next(call).status == 1
    error = refused(grpc.StatusCode.DEADLINE_EXCEEDED, next, call)
    assert time.monotonic() - started < 30, error


{"reflection": reflection, "unary": unary, "large": large, "streams": streams, "watch": watch, "deadlines": deadlines}[check]()
