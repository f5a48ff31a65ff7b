/* SPDX-License-Identifier: MIT
 *
 * BenchEngine - Debezium Engine as the peer of bench_pg_engine: reads a slot, has each change as JSON
 * text, and counts.
 *
 *     BenchEngine PORT DATABASE SLOT PUBLICATION TABLE ROWS
 *
 * Everything else is Debezium's default, but for the schema in every event, which is off.  After the last
 * of ROWS it prints one line and ends:
 *
 *     seconds_since_the_first_event cpu_ns peak_resident_kb bytes_of_json
 */
import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.format.Json;

import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;

public class BenchEngine {
    private final long rows;
    private final CountDownLatch done = new CountDownLatch(1);
    private long seen;
    private long bytes;
    private long firstNs;

    private BenchEngine(long rows) {
        this.rows = rows;
    }

    private static Properties settings(String[] arguments) {
        Properties p = new Properties();
        p.setProperty("name", "bench");
        p.setProperty("connector.class", "io.debezium.connector.postgresql.PostgresConnector");
        p.setProperty("offset.storage", "org.apache.kafka.connect.storage.MemoryOffsetBackingStore");
        p.setProperty("database.hostname", "127.0.0.1");
        p.setProperty("database.port", arguments[0]);
        p.setProperty("database.user", "postgres");
        p.setProperty("database.password", "none");
        p.setProperty("database.dbname", arguments[1]);
        p.setProperty("topic.prefix", "bench");
        p.setProperty("plugin.name", "pgoutput");
        p.setProperty("slot.name", arguments[2]);
        p.setProperty("publication.name", arguments[3]);
        p.setProperty("publication.autocreate.mode", "disabled");
        p.setProperty("table.include.list", arguments[4]);
        p.setProperty("snapshot.mode", "no_data");
        p.setProperty("converter.schemas.enable", "false");
        return p;
    }

    private void take(List<ChangeEvent<String, String>> events,
                      DebeziumEngine.RecordCommitter<ChangeEvent<String, String>> committer)
            throws InterruptedException {
        for (ChangeEvent<String, String> event : events) {
            if (seen++ == 0) {
                firstNs = System.nanoTime();
            }
            if (event.value() != null) {
                bytes += event.value().length();
            }
            committer.markProcessed(event);
        }
        committer.markBatchFinished();
        if (seen >= rows) {
            done.countDown();
        }
    }

    private static void ended(boolean good, String message, Throwable error) {
        System.err.println("BenchEngine: " + message + (error == null ? "" : ": " + error));
        Runtime.getRuntime().halt(1);
    }

    private static long peakResidentKb() throws Exception {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                return Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        return 0;
    }

    public static void main(String[] arguments) throws Exception {
        BenchEngine bench = new BenchEngine(Long.parseLong(arguments[5]));
        DebeziumEngine<ChangeEvent<String, String>> engine = DebeziumEngine.create(Json.class)
            .using(settings(arguments))
            .using(BenchEngine::ended)
            .notifying(bench::take)
            .build();
        Executors.newSingleThreadExecutor().execute(engine);
        bench.done.await();
        double seconds = (System.nanoTime() - bench.firstNs) / 1e9;
        long cpu = ((com.sun.management.OperatingSystemMXBean)
            ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
        System.out.printf("%.3f %d %d %d%n", seconds, cpu, peakResidentKb(), bench.bytes);
        System.out.flush();
        // Its orderly end takes seconds that nobody asked about.
        Runtime.getRuntime().halt(0);
    }
}
