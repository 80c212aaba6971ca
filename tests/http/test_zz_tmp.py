async def test_a(service):
    for p in ("/_openapi","/_openapi/","/_openapi/rapidoc","/_openapi/openapi.json","/_openapi/openapi.yaml","/schema","/rapidoc","/_openapi/redoc", "/_openapi/oauth2-redirect.html"):
        r=await service.http.get(p); print(p,r.status_code,r.text[:100])
