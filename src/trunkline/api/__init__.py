"""The HTTP API: Events v1, calls, schema documents and Trunkline's own paths.

Handlers are thin: read a form, ask a service, show the result. Bad input is a
`Refused`, which `errors` turns into the one error body that every path shares.
"""
