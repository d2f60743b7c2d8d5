# The embedded server in one image: no service beside it.
FROM python:3.12-slim
WORKDIR /app
COPY . .
RUN pip install --no-cache-dir '.[server,ml]' && useradd --create-home trueline && mkdir /data && chown trueline /data
USER trueline
ENV TRUELINE_ADDRESS=0.0.0.0:7171 TRUELINE_DATA_DIR=/data
VOLUME /data
EXPOSE 7171
HEALTHCHECK --interval=5s --timeout=5s --start-period=20s --retries=12 \
  CMD ["python", "-c", "import grpc; from grpc_health.v1 import health_pb2 as h, health_pb2_grpc as g; assert g.HealthStub(grpc.insecure_channel('127.0.0.1:7171')).Check(h.HealthCheckRequest(), timeout=3).status == 1"]
ENTRYPOINT ["trueline"]
CMD ["up"]
