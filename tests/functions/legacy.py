"""A factory instead of a class, as older functions have it."""

from spin_sdk.http import Response


class Handler:
    def handle_request(self, request):
        return Response(200, {}, b"from the factory")


def init_incoming_handler():
    return Handler()
